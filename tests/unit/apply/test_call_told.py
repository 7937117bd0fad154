"""The module that tells a call: its record, and the model of its revision from what is served or kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils import history
from unit.apply.module_run import run

pytestmark = pytest.mark.row("C06")

RECORD = {"id": "0199", "tenant": "acme", "revision": "bbbbbb000001", "path": ["user/x"]}


def program(tmp_path: Path, rows: list[dict[str, Any]] | None) -> str:
    """Stands for `pbx-calls cdr`, which needs a store."""
    path = tmp_path / "pbx-calls"
    said = "echo no store >&2; exit 1" if rows is None else f"cat <<'END'\n{json.dumps(rows)}\nEND"
    path.write_text(f'#!/bin/sh\n[ "$*" = "cdr --id 0199 --json" ] || exit 9\n{said}\n')
    path.chmod(0o755)
    return str(path)


def document(revision: str, name: str) -> str:
    return json.dumps({"tenants": {"acme": {"revision": revision, "plain": {"tenant": {"name": name}}}}})


def keep(tmp_path: Path, revision: str, name: str) -> None:
    staged = tmp_path / "staged"
    staged.mkdir(exist_ok=True)
    (staged / "calls.json").write_text(document(revision, name))
    history.keep(str(tmp_path / "history"), str(staged), {"revisions": {"tenants": {"acme": revision}}})


def told(tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]] | None) -> dict[str, Any]:
    return run(
        "pbx_call",
        capsys,
        id="0199",
        program=program(tmp_path, rows),
        document=str(tmp_path / "calls.json"),
        history=str(tmp_path / "history"),
    )


def test_the_model_of_the_day_is_found_among_what_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "calls.json").write_text(document("bbbbbb000003", "today"))
    for number in (1, 2):
        keep(tmp_path, f"bbbbbb00000{number}", f"of day {number}")
    found = told(tmp_path, capsys, [RECORD])["call"]
    assert found["record"] == RECORD
    assert found["plain"] == {"tenant": {"name": "of day 1"}}


def test_what_is_served_comes_first_and_what_is_gone_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calls.json").write_text(document("bbbbbb000001", "as served"))
    assert told(tmp_path, capsys, [RECORD])["call"]["plain"] == {"tenant": {"name": "as served"}}
    (tmp_path / "calls.json").write_text("{ cut")
    assert told(tmp_path, capsys, [RECORD])["call"]["plain"] is None


def test_no_such_call_and_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "call" not in told(tmp_path, capsys, [])
    failed = told(tmp_path, capsys, None)
    assert failed["failed"] and failed["msg"] == "the call records cannot be read: no store"
