"""`pbx explain CALL_ID`: a recorded call at its own revision, and where the model changed since."""

import json
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pbx.calls.simulated.replay import NotReplayable, replay
from pbx.calls.simulated.world import Person, Script, simulate
from pbx.cli._replay import Kept, explain
from pbx.cli._replay_told import document, lines
from pbx.cli._telling import LANGUAGES
from pbx.features.story import story
from pbx.model.load import load
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("C06")

EXAMPLES = Path(__file__).parents[2] / "examples"
NOON = datetime(2026, 11, 9, 9, tzinfo=UTC)
RINGS, STAYS = Person(), Person(answers=2.0, talks=500.0)
MOBILE = Person(answers=4.0, presses="1", pressing=2.5, talks=9.0)

SCRIPTS: dict[str, Script] = {
    "a wrong key, then the office": Script(
        NOON, "+79161234567", "+74951000100", "mtt", keys="7,1", people={"petrova": STAYS, "ivanov": RINGS}, patience=40
    ),
    "nothing typed, and the caller gives up": Script(NOON, "+79161234567", "+74951000100", "mtt", patience=9),
    "a mobile confirms, its owner hangs up": Script(
        NOON, "+79161234567", "+74951000100", "mtt", keys="2",
        people={"sidorov": Person(status=486, after=3.0), "mtt": MOBILE},
    ),
    "an extension in the menu": Script(
        NOON, "+79161234567", "+74951000114", "mtt", keys="301", people={"sidorov": Person(answers=6.0, talks=4.0)}
    ),
    "inside, busy": Script(NOON, "ivanov", "202", people={"petrova": Person(status=486, after=1.5)}),
    "a message for who is busy": Script(NOON, "petrova", "201", people={"ivanov": Person(status=486, after=1.5)}),
    "cancelled": Script(NOON, "petrova", "201", people={"ivanov": RINGS}, patience=3),
    "a trunk says nothing, the other answers": Script(
        NOON, "petrova", "89161234567", people={"mtt": Person(silent=True), "ural": Person(answers=4.0, talks=7.0)}
    ),
    "a hidden caller is declined": Script(NOON, None, "+74951000100", "mtt"),
    "too many calls": Script(NOON, "+79161234567", "+74951000113", "mtt", over_limit=True),
}  # fmt: skip


def recorded(tenant: Tenant, script: Script) -> dict[str, Any]:
    """As the store has it: plain data."""
    record = simulate(tenant, script, story).record
    record.source = f"trunk {script.trunk}" if script.trunk else f"device {script.caller}-desk"
    read: dict[str, Any] = json.loads(json.dumps(record.document()))
    return read


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return load(EXAMPLES).model.tenants["romashka"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_at_its_own_revision_a_call_goes_as_it_did(tenant: Tenant, name: str) -> None:
    record = recorded(tenant, SCRIPTS[name])
    again = replay(tenant, record, story)
    assert again.assumed == []
    told = again.told.record.document()
    told["id"], told["source"] = record["id"], record["source"]
    told["reasons"] = [reason.replace("D typed", "7 typed") for reason in told["reasons"]]  # what it was is not kept
    assert json.loads(json.dumps(told)) == record


def test_no_digits_are_kept_but_the_choice(tenant: Tenant) -> None:
    record = recorded(tenant, SCRIPTS["a wrong key, then the office"])
    assert [(one.get("choice"), one.get("wrong", False)) for one in record["facts"]["inputs"]] == [
        (None, True), ("1", False),
    ]  # fmt: skip
    assert {name for one in record["facts"]["inputs"] for name in one} == {"ivr", "first", "last", "wrong", "choice"}


def a_person(chance: random.Random) -> Person:
    answers, talks = chance.uniform(0.1, 6), chance.uniform(0.5, 9)
    return chance.choice(
        [
            RINGS,
            Person(silent=True),
            Person(status=chance.choice([486, 603, 404, 503, 480, 500]), after=chance.choice([0.01, 0.5, 3.0])),
            Person(answers=answers, talks=talks),
            Person(answers=answers, talks=3 + talks, presses="1", pressing=chance.uniform(0.5, 2.5)),
            Person(answers=answers, talks=99, presses="5"),
        ]
    )


def a_script(chance: random.Random, numbers: list[str]) -> Script:
    names = ["anna", "boris-desk", "boris-soft", "vera-desk", "dina", "digits", "plus", "local", "+79220000003"]
    people = {name: a_person(chance) for name in names if chance.random() < 0.7}
    keys = chance.choice(["", "1", "2", "9,2", "9,9", "201", "*,1", "3", "20,5", "1,1", "6"])
    at, patience = NOON + timedelta(hours=chance.randrange(200)), chance.choice([600, 600, chance.uniform(0.5, 30)])
    if chance.random() < 0.3:
        dialled = chance.choice(["201", "202", "640", "641", "89161234567", "112", "84951000003"])
        return Script(at, chance.choice(["anna", "gleb", "egor"]), dialled, people=people, keys=keys, patience=patience)
    caller = chance.choice([None, "+79161234567", "+79990000000"])
    return Script(at, caller, chance.choice(numbers), "digits", keys=keys, people=people, patience=patience)


def test_calls_by_chance_go_as_they_did() -> None:
    house = load(EXAMPLES.parent / "tests" / "fixtures" / "house").model.tenants["house"]
    for seed in range(300):
        record = recorded(house, a_script(random.Random(seed), list(house.numbers)))
        if any("voicemail_of" in node for node in record["path"]):
            with pytest.raises(NotReplayable, match="was_at_a_box"):
                replay(house, record, story)
            continue
        again = replay(house, record, story)
        told, parts = again.told.record.document(), ("path", "disposition", "code", "answered_by", "hung_up_by")
        assert {part: told[part] for part in parts} == {part: record[part] for part in parts}, seed
        assert abs(told["ended"] - record["ended"]) < 100 and again.assumed == [], seed


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"facts": None}, "no_facts"),
        ({"ended": None}, "not_ended"),
        ({"disposition": "interrupted"}, "not_ended"),
        ({"facts": {"cut": True}}, "facts_cut"),
        ({"source": "device nobody-desk"}, "caller_is_gone"),
    ],
)
def test_what_cannot_be_replayed_says_why(tenant: Tenant, changed: dict[str, Any], why: str) -> None:
    record = {**recorded(tenant, SCRIPTS["inside, busy"]), **changed}
    with pytest.raises(NotReplayable) as told:
        replay(tenant, record, story)
    assert told.value.code == why


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The examples under Git, one commit."""
    shutil.copytree(EXAMPLES, tmp_path / "telephony" / "pbx")
    git(tmp_path / "telephony", "init", "-q", "-b", "main")
    commit(tmp_path / "telephony")
    return tmp_path / "telephony" / "pbx"


def git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=ops", "-c", "user.email=ops@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", folder, *named, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it is")
    return git(folder, "rev-parse", "HEAD")


def edit(root: Path, old: str, new: str) -> None:
    path = root / "romashka" / "romashka.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def told(root: Path, record: dict[str, Any], language: str = "en", plain: dict[str, Any] | None = None) -> list[str]:
    answer = explain(Kept("calls1", record, plain), root, load(root, whole=True), LANGUAGES[language])
    assert json.loads(json.dumps(document(answer, LANGUAGES[language]), default=str))["format"] == "pbx-explain/v1"
    return list(lines(answer, LANGUAGES[language]))


def make(root: Path, name: str) -> dict[str, Any]:
    loaded = load(root)
    return recorded(loaded.model.tenants["romashka"], SCRIPTS[name])


def test_the_same_model_says_so(repository: Path) -> None:
    out = told(repository, make(repository, "a wrong key, then the office"))
    assert out[0] == "call simulated: +79161234567 calls +74951000100"
    assert "At its own revision the replay goes as the call did." in out
    assert out[-1] == "Today's model has the same revision: it would go the same way."


def test_another_model_differs_at_a_step_and_git_has_that_of_the_day(repository: Path) -> None:
    record = make(repository, "a wrong key, then the office")
    first = git(repository, "rev-parse", "HEAD")
    edit(repository, "Анна Петрова", "Анна Сидорова")
    commit(repository)
    edit(repository, "ring_groups:", "ring_groups: [")  # no valid model
    commit(repository)
    edit(repository, "ring_groups: [", "ring_groups:")
    edit(repository, "closed: schedule/office", "open: schedule/office")
    out = told(repository, record)
    assert out[2] == f"revision {record['revision']}, as commit {first[:12]} has it"
    assert "At its own revision the replay goes as the call did." in out
    at = next(index for index, line in enumerate(out) if line.startswith("first difference"))
    assert out[at] == "first difference, 0.0 s after the start, at flow/main:"
    assert out[at + 1] == "  then:  flow/main step 2 not taken: schedule/office open: MO 2026-11-09, 12:00"
    assert (
        out[at + 2] == "  today: flow/main step 2: schedule/office open: MO 2026-11-09, 12:00: to announcement/closed"
    )
    assert "path: number/+74951000100 → flow/main → announcement/closed → hang_up" in out


def test_it_is_told_in_russian(repository: Path) -> None:
    loaded = load(repository)
    record = make(repository, "inside, busy")
    edit(repository, 'extension: "202"', 'extension: "212"')
    out = told(repository, record, "ru", loaded.tenant_plain["romashka"])
    assert "На своей ревизии повтор проходит так же, как прошёл вызов." in out
    assert any(line.startswith("ревизия") and line.endswith("сохранена на calls1") for line in out)
    assert "  сегодня: 202 — не внутренний номер и не номер, который можно вызвать" in out


def test_a_leg_that_nobody_knows_is_named(repository: Path) -> None:
    record = make(repository, "inside, busy")
    plain = load(repository).tenant_plain["romashka"]
    edit(repository, 'extension: "202"', 'extension: "212"')
    edit(repository, 'extension: "301"', 'extension: "202"')
    out = told(repository, record, plain=plain)
    assert out[-1] == "Not rung in the recorded call, taken to ring without an answer: device sidorov-desk."


def test_a_model_that_nobody_has_is_told(repository: Path, tmp_path: Path) -> None:
    record = {**make(repository, "inside, busy"), "revision": "000000000000"}
    out = told(repository, record)
    assert out[2].endswith(f"none of the last 200 commits of {repository} has")
    assert f"  {record['reasons'][0]}" in out
    shutil.rmtree(repository.parent / ".git")
    assert "which no call host keeps any more: " in told(repository, record)[2]


def test_a_replay_that_goes_another_way_is_honest(repository: Path) -> None:
    record = {**make(repository, "inside, busy"), "answered_by": "device petrova-desk", "disposition": "answered"}
    assert any("another way than the call did (disposition, answered_by)" in line for line in told(repository, record))


def test_without_from_and_inventory_the_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from pbx.cli.main import run

    assert run(["explain", str(EXAMPLES), "--from", "+79161234567"]) == 1
    assert "give PATH with --from and --to, or CALL_ID with -i INVENTORY" in capsys.readouterr().err


@pytest.mark.row("R16")
@pytest.mark.parametrize(
    "keys", ["1,12345#,1", "1,12#,12345#,1", "1,12345#,2,54321#,1", "1,,1", "2,4276160012345678,1"]
)
def test_digits_that_a_menu_asked_for_are_typed_once_more(keys: str) -> None:
    """Those that are not kept are others of the same number."""
    house = load(EXAMPLES.parent / "tests" / "fixtures" / "house").model.tenants["house"]
    people = {"anna": STAYS, "boris-desk": STAYS}
    record = recorded(house, Script(NOON, "+79161234567", "+74951000061", "digits", keys=keys, people=people))
    assert "4276" not in json.dumps(record)
    again = replay(house, record, story).told.record.document()
    assert {part: again[part] for part in ("path", "answered_by")} == {
        part: record[part] for part in ("path", "answered_by")
    }
    assert again["facts"].get("collected") == record["facts"].get("collected")
    assert abs(again["ended"] - record["ended"]) < 100
