"""`pbx changes`: a model against a Git revision of it, without a server."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pbx.cli import main
from pbx.model.load import load

EXAMPLES = Path(__file__).parents[3] / "examples"


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A committed copy of the examples, in a folder of the repository."""
    shutil.copytree(EXAMPLES, tmp_path / "pbx")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path / "pbx"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_nothing_is_told_as_nothing(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load(model)
    assert main.run(["changes", str(model), "--since", "HEAD"]) == 0
    assert capsys.readouterr().out == (
        f"site: {loaded.site_revision}, as before\nromashka: {loaded.revisions['romashka']}, as before\n"
    )


def test_objects_by_tenant_and_the_revisions_that_an_apply_brings(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load(model)
    edit(model / "romashka/romashka.yml", 'extension: "202"', 'extension: "209"')
    edit(model / "romashka/romashka.yml", "lists:\n", 'lists:\n  others: {numbers: ["+79990000001"]}\n')
    edit(model / "site/site.yml", "max_channels: 30", "max_channels: 31")
    after = load(model)
    assert main.run(["changes", str(model), "--since", "HEAD", "--format", "json"]) == 0
    site, tenant = json.loads(capsys.readouterr().out)["folders"]
    assert (site["before"], site["after"]) == (before.site_revision, after.site_revision)
    assert site["changes"] == [{"op": "update", "kind": "trunk", "id": "mtt", "fields": ["max_channels"]}]
    assert tenant["after"] == after.revisions["romashka"] != tenant["before"]
    told = {(one["op"], one["kind"], one["id"]) for one in tenant["changes"]}
    assert told == {("update", "user", "petrova"), ("create", "list", "others")}
    assert main.run(["changes", str(model), "--since", "HEAD", "--format", "markdown"]) == 0
    assert "~ user petrova (extension)\n" in capsys.readouterr().out


def test_a_model_that_is_new(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = model.with_name("elsewhere")
    model.rename(moved)
    assert main.run(["changes", str(moved), "--since", "HEAD"]) == 0
    said = capsys.readouterr()
    assert "everything is new" in said.err and "+ user petrova" in said.out


def test_what_was_wrong_before_does_not_stop_its_repair(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(model / "romashka/romashka.yml", "to: ivr/main}", "to: ivr/mian}")
    git(model, "commit", "-qam", "wrong")
    assert main.run(["changes", str(model), "--since", "HEAD"]) == 1
    assert "see pbx validate" in capsys.readouterr().err
    edit(model / "romashka/romashka.yml", "to: ivr/mian}", "to: ivr/main}")
    assert main.run(["changes", str(model), "--since", "HEAD"]) == 0
    assert "no valid model (romashka/romashka.yml:" in capsys.readouterr().err


def test_a_link_of_the_branch_is_not_followed(model: Path, tmp_path: Path) -> None:
    (model / "romashka/more.yml").symlink_to("/etc/hostname")
    git(model, "add", ".")
    git(model, "commit", "-qm", "a link")
    (model / "romashka/more.yml").unlink()
    assert main.run(["changes", str(model), "--since", "HEAD"]) == 0


def test_no_such_revision(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["changes", str(model), "--since", "nowhere"]) == 1
    assert capsys.readouterr().err == "error: nowhere: no such commit\n"


def test_callers_who_would_land_elsewhere(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(model / "romashka/romashka.yml", "09:00-18:00", "10:00-19:00")
    assert main.run(["changes", str(model), "--since", "HEAD"]) == 0
    told = capsys.readouterr().out
    assert "    +74951000100, other callers: ivr/main → announcement/closed, MO–" in told
    assert main.run(["changes", str(model), "--since", "HEAD", "--format", "markdown"]) == 0
    assert "| +74951000100 | other callers | announcement/closed | ivr/main | MO–" in capsys.readouterr().out
    assert main.run(["changes", str(model), "--since", "HEAD", "--format", "json"]) == 0
    moves = json.loads(capsys.readouterr().out)["landings"]["romashka"]
    assert [(one["before"], one["after"]) for one in moves] == [
        ("ivr/main", "announcement/closed"),
        ("announcement/closed", "ivr/main"),
    ]


def test_how_far_it_reaches(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["changes", str(model), "--since", "HEAD", "--exit-code"]) == 0
    capsys.readouterr()
    edit(
        model / "romashka/romashka.yml",
        "ring_timeout: 15s, members: [user/sidorov",
        "ring_timeout: 16s, members: [user/sidorov",
    )
    assert main.run(["changes", str(model), "--since", "HEAD", "--exit-code"]) == 2
    assert "  reaches 3 numbers, 0 users\n" in capsys.readouterr().out
    assert main.run(["changes", str(model), "--since", "HEAD", "--format", "json"]) == 0
    reach = json.loads(capsys.readouterr().out)["reach"]
    assert reach == {"romashka": {"numbers": ["+73431000200", "+74951000100", "+74951000114"], "users": []}}
    assert main.run(["changes", str(model), "--since", "HEAD", "--format", "markdown"]) == 0
    assert "| 1 | 3 numbers, 0 users |" in capsys.readouterr().out
