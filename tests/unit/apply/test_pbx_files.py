"""pbx_files as a story: check, apply, again, changed by hand, a write that fails."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from unit.apply.module_run import lines, run


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    own = {"owner": "root", "group": "root"}
    return {
        "directories": [{"path": str(tmp_path / "a" / "b"), "mode": "0750", **own}],
        "files": [{"path": str(tmp_path / "a" / "b" / "f"), "content": "one\n", "mode": "0640", **own}],
        "links": [{"path": str(tmp_path / "current"), "target": str(tmp_path / "a")}],
        "absent": [str(tmp_path / "old")],
    }


def test_a_story(wanted: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old").mkdir()
    file = tmp_path / "a" / "b" / "f"
    checked = run("pbx_files", capsys, check=True, **wanted)
    assert checked["changed"] and not file.exists()
    done = run("pbx_files", capsys, **wanted)
    assert done["actions"] == checked["actions"]
    assert [line.split()[0] for line in lines(done)] == ["create", "create", "create", "delete"]
    assert file.read_text() == "one\n" and stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.readlink(tmp_path / "current") == str(tmp_path / "a")
    assert run("pbx_files", capsys, **wanted)["changed"] is False

    file.write_text("two\n")
    file.chmod(0o600)
    found = run("pbx_files", capsys, check=True, **wanted)
    assert [(one["id"], one["fields"]) for one in found["actions"]] == [(str(file), ["content", "mode"])]
    assert found["diff"][0]["before"] == "two\n" and file.read_text() == "two\n"
    run("pbx_files", capsys, **wanted)
    assert file.read_text() == "one\n"


def test_another_type_in_the_way_is_replaced(
    wanted: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "current").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("a file where a folder should be")
    run("pbx_files", capsys, **wanted)
    assert (tmp_path / "current").is_symlink() and (tmp_path / "a" / "b").is_dir()


def test_a_write_that_fails_leaves_all_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first", tmp_path / "file" / "second"
    first.write_text("before\n")
    (tmp_path / "file").write_text("no folder\n")
    files = [{"path": str(path), "content": "after\n", "mode": "0644"} for path in (first, second)]
    done = run("pbx_files", capsys, files=files)
    assert done["failed"] is True
    assert first.read_text() == "before\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "first"]
