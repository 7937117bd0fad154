"""`pbx test` and `pbx explain`: what they say of calls that go as told, and of those that do not."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pbx.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples"
CALL = 'at: "2026-11-09T12:00+03:00", from: "+79161234567", to: "+74951000100"'

pytestmark = pytest.mark.row("C03")


@pytest.fixture
def tenant(tmp_path: Path) -> Path:
    """The examples' tenant without its tests."""
    shutil.copytree(EXAMPLES, tmp_path / "model")
    (tmp_path / "model/romashka/tests.yml").unlink()
    return tmp_path / "model/romashka"


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main.run(words)
    said = capsys.readouterr()
    return code, said.out, said.err


def pbx_test(tenant: Path, body: str, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    (tenant / "tests.yml").write_text(f"tests:\n  - {{{body}}}\n")
    return run(["test", str(tenant), *words], capsys)


def test_the_examples_pass_and_reach_every_branch(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(["test", str(EXAMPLES), "--min-coverage", "100"], capsys)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("24 of 24 tests passed; 24 of 24 branches reached")


@pytest.mark.parametrize(
    ("expected", "failure"),
    [
        ("ends: user/petrova", "ends: the call ended at hang_up, not at user/petrova"),
        ("through: [ivr/main, flow/main]", "through: flow/main was not reached in this order"),
        ("not_through: [ivr/main]", "not_through: ivr/main was reached"),
        ("hears: [ringback, welcome]", "hears: welcome was not heard in this order; heard was welcome, welcome, ring"),
        ("rings: [sidorov]", "rings: sidorov did not ring in this order; what rang was ivanov-desk, petrova-desk, mtt"),
        ('shows: "+74951000112"', "shows: +74951000100 was shown, not +74951000112"),
        ("disposition: busy", "disposition: the record says answered, not busy"),
        ("code: 603", "code: the caller got 200, not 603"),
    ],
)
def test_what_did_not_come_is_told(
    tenant: Path, expected: str, failure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = pbx_test(tenant, f"{CALL}, {expected}", capsys)
    assert code == 1
    assert failure in out
    assert f"{tenant / 'tests.yml'}:2" in out
    assert "rings device petrova-desk, shown +79161234567" in out  # the story stands below
    assert out.splitlines()[-1].startswith("0 of 1 tests passed")


def test_what_nobody_expects_passes(tenant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pbx_test(tenant, CALL, capsys)[0] == 0


def test_branches_that_no_test_reaches_are_named(tenant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = pbx_test(tenant, CALL, capsys, "--coverage")
    assert code == 0
    missed = out.partition("not reached by any test:\n")[2]
    assert "  romashka: ivrs.main.keys.9\n" in missed
    assert "  romashka: schedules.office.closed\n" in missed
    assert "ivrs.main.on_timeout" not in missed
    assert pbx_test(tenant, CALL, capsys, "--min-coverage", "90")[0] == 1


def test_junit_is_xml_with_the_failure_and_the_story(tenant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = pbx_test(tenant, f'name: "a\\x07 <b>", {CALL}, code: 603', capsys, "--format", "junit")
    assert code == 1
    suite = ElementTree.fromstring(out)
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    case = suite.find("testcase")
    assert case is not None and case.get("name") == "a <b>" and case.get("line") == "2"
    assert "ivr/main" in str(case.findtext("failure"))


def test_a_test_changes_no_revision(tenant: Path) -> None:
    from pbx.model.load import load

    before = load(tenant).revisions
    (tenant / "tests.yml").write_text(f"tests:\n  - {{{CALL}}}\n")
    assert load(tenant).revisions == before


def test_explain_tells_the_branches_not_taken_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", str(EXAMPLES), "--from", "+79161234567", "--to", "+74951000100", "--at", "2026-11-09T12:00"]
    code, out, _ = run([*words, "--keys", "1", "--language", "en", "--answers", "petrova"], capsys)
    assert code == 0
    assert "flow/main step 2 not taken: schedule/office open: MO 2026-11-09, 12:00" in out
    assert "talks with device petrova-desk" in out
    assert "path: number/+74951000100 → flow/main → ivr/main → ring_group/office → user/petrova\n" in out


def test_explain_tells_it_in_russian(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["explain", str(EXAMPLES), "--from", "anonymous", "--to", "+74951000100", "--at", "2026-11-09T12:00"]
    monkeypatch.setenv("LC_ALL", "ru_RU.UTF-8")
    code, out, _ = run(words, capsys)
    assert code == 0
    assert "понедельник, 09.11.2026 12:00 Europe/Moscow: скрытый номер звонит на +74951000100\n" in out
    assert "flow/main, шаг 1: звонящий со скрытым номером есть в list/blocked → reject/603\n" in out
    assert out.count("звонящему отказ: 603") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--from", "user/nobody", "--to", "201"], "there is no user nobody in tenant romashka"),
        (["--from", "nobody", "--to", "201"], "--from nobody: an outside number (+79161234567), user/ID or anonymous"),
        (["--from", "+79161234567", "--to", "201"], "201 is no number of tenant romashka"),
        (["--from", "anonymous", "--to", "+74951000100", "--at", "noon"], "--at noon: no time"),
        (["--from", "anonymous", "--to", "+74951000100", "--refuses", "mtt=1"], "a SIP status is from 300 to 699"),
        (["--from", "anonymous", "--to", "+74951000100", "--tenant", "x"], "there is no tenant x; known are romashka"),
    ],
)
def test_what_cannot_be_explained_is_told(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(["explain", str(EXAMPLES), *words], capsys)
    assert (code, out) == (1, "")
    assert message in err


@pytest.mark.row("R09")
def test_a_transfer_is_rehearsed(tenant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Petrova parks whoever calls her; nobody takes the call, and it rings at her again."""
    people = 'people: {petrova: {answers: 1s, transfers: "*68"}}'
    call = f'name: parked, {CALL.partition(", to:")[0]}, to: "+74951000112", {people}, patience: 70s'
    through = "through: [user/petrova, feature_code/park, user/petrova]"
    code, out, _ = pbx_test(tenant, f"{call}, {through}", capsys)
    assert code == 0, out
