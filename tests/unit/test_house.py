"""The house: imports only go down the floors; rooms of one floor are strangers, but for those in ONE_WAY."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pbx.desired.release import CONTROLLER_ONLY

SOURCE = Path(__file__).parents[2] / "src" / "pbx"
FLOORS = {
    "model": 1, "sip": 1, "media": 1, "store": 1, "speech": 1,
    "calls": 2, "routing": 2, "desired": 2, "analysis": 2, "billing": 2, "reports": 2, "integrations": 2,
    "features": 3,
    "cli": 4, "server": 4, "web": 4,
}  # fmt: skip
ONE_WAY = {("calls", "routing"), ("analysis", "routing"), ("server", "web")}


def _imported(path: Path) -> set[str]:
    """Modules of ours."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "pbx":
                names = [f"pbx.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name for name in names if name.startswith("pbx.")}
    return found


def _rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in _imported(path)}


def _files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(FLOORS), f"no floor is given for {sorted(rooms - set(FLOORS))}"


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    if room not in FLOORS:
        return  # pbx/__init__.py
    for other in _rooms_imported(path) - {room}:
        if (room, other) in ONE_WAY:
            continue
        assert FLOORS[other] < FLOORS[room], f"{room} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]})"


def test_sip_has_no_clock_and_no_socket() -> None:
    """Bytes and time come in as arguments: only the transport, a thin shell, touches the outside."""
    for path in (SOURCE / "sip").rglob("*.py"):
        if path.name == "transport.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {"time", "socket", "asyncio"} & set(names), f"{path} imports {names}"


def test_what_a_host_runs_needs_nothing_that_stays_on_the_controller() -> None:
    """Those rooms are not in the release that a host gets, but for the words of a call."""
    found = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in _files()
        if path.relative_to(SOURCE).parts[0] not in CONTROLLER_ONLY
        for name in sorted(_imported(path))
        if name.split(".")[1] in CONTROLLER_ONLY
        and not name.startswith(("pbx.speech.spoken", "pbx.speech.recognition"))
    ]
    assert not found


def test_nothing_waits_in_a_way_that_forgets_that_it_was_cancelled() -> None:
    """`asyncio.wait_for` of Python 3.11 returns the result when both come in one turn of the loop, and the call goes on
    whose caller has hung up; `asyncio.timeout` does not."""
    found = [path for path in SOURCE.rglob("*.py") if "asyncio.wait_for(" in path.read_text(encoding="utf-8")]
    assert found == []


def test_each_decision_has_a_number_of_its_own() -> None:
    files = sorted((SOURCE.parents[1] / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [file.name[:4] for file in files]
    assert numbers == sorted(set(numbers))
    for file in files:
        assert file.read_text("utf-8").startswith(f"# {file.name[:4]} "), file.name
