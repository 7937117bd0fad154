"""The rows of recordings in both stores, SQLite and PostgreSQL: kept once, held, expired, erased, never again (R18)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keeper.place import about, free_port

from pbx.server.sealed_letters import Letter, Sums
from pbx.store import recordings
from pbx.store.database import Database, connect
from pbx.store.recordings import By, Wanted

pytestmark = pytest.mark.row("R18")

OFFICER = By("api console", "officer", "192.0.2.1")
NUMBER = "+79161234567"
LATER = 10**14  # ms of UTC: all is past its time


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "store.sqlite")
        return
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder, port = Path(tempfile.mkdtemp(dir="/tmp")), free_port()  # one that the account postgres gets to
    shutil.chown(folder, "postgres")
    server = [f"{programs}/pg_ctl", "-D", f"{folder}/db", "-w"]
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
    try:
        _as_postgres(f"{programs}/initdb", "-D", f"{folder}/db", "-A", "trust", "--no-sync")
        _as_postgres(*server, "-o", options, "-l", f"{folder}/log", "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _as_postgres(*server, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _as_postgres(*words: str) -> None:
    subprocess.run(["runuser", "-u", "postgres", "--", *words], check=True, capture_output=True, cwd=os.sep)


@pytest.fixture
def db(where: str) -> Iterator[Database]:
    opened = connect(where)
    yield opened
    opened.close()


def row(name: str, **more: Any) -> dict[str, Any]:
    return Letter(about(name, **more), Sums(100, "a" * 64, 90, "b" * 64, "key", {"data": [1, 2]})).row(1000)


def did(db: Database, name: str) -> list[str]:
    return [event["what"] for event in recordings.events(db, "house", name, most=50)][::-1]


def test_kept_once_found_by_all_that_may_be_asked_and_its_end_is_the_end(db: Database, where: str) -> None:
    assert not recordings.is_known(db, "one")
    assert recordings.keep(db, row("one"), 5) and not recordings.keep(db, row("one"), 6)
    recordings.keep(db, row("short", retain=1.0, caller="", people=()), 6)
    reader = connect(where, read_only=True)
    asked = Wanted(
        "house", since=0, until=LATER, number=NUMBER, policy="outside", call="call-one", person="anna", held=False
    )
    assert [found["id"] for found in recordings.find(reader, asked, most=9)] == ["one"]
    everybody = Wanted("house", person="boris", or_of=("outside",))
    assert {found["id"] for found in recordings.find(reader, everybody, most=9)} == {"one", "short"}
    assert (
        recordings.find(reader, Wanted("other"), most=9)
        == recordings.find(reader, Wanted("house", person="ann"), most=9)
        == []
    )
    assert recordings.of_calls(reader, ["call-one", "call-none"]) == {"call-one": ["one"]}
    whole = recordings.one(reader, "house", "one", peaks=True)
    assert whole is not None and (whole["people"], whole["announced"], whole["peaks"]) == (
        ["anna"],
        True,
        {"data": [1, 2]},
    )
    assert recordings.one(reader, "other", "one") is None
    reader.close()

    assert recordings.expire(db, LATER) == 1
    (goes,) = recordings.erasing(db)
    assert goes["id"] == "short" and recordings.one(db, "house", "short") is None
    recordings.erased(db, "short", LATER)
    recordings.erased(db, "short", LATER)
    assert did(db, "short") == ["kept", "expired"]
    assert recordings.is_known(db, "short") and not recordings.keep(db, row("short"), 7)


def test_a_hold_beats_time_and_erasure_until_it_is_released(db: Database) -> None:
    recordings.keep(db, row("held", retain=1.0), 5)
    assert recordings.hold(db, "house", "held", "claim 12", OFFICER, 6)
    assert not recordings.hold(db, "other", "held", "claim 12", OFFICER, 6)
    assert recordings.expire(db, LATER) == 0
    assert recordings.erase(db, "house", NUMBER, "she asked", OFFICER, 7) == ([], ["held"])
    assert recordings.release(db, "house", "held", OFFICER, 8) and recordings.expire(db, LATER) == 1
    assert did(db, "held") == ["kept", "held", "released"]


def test_what_comes_after_an_erasure_of_its_number_goes_as_well_and_a_newer_one_stays(db: Database) -> None:
    started = row("one")["started"]
    assert recordings.erase(db, "house", NUMBER, "she asked", OFFICER, started + 1) == ([], [])
    recordings.keep(db, row("late"), 5)
    assert [found["id"] for found in recordings.erasing(db)] == ["late"]
    recordings.erased(db, "late", 6)
    assert did(db, "late") == ["kept", "erased"]
    assert NUMBER not in str(recordings.events(db, "house", None, most=50))
    recordings.keep(db, row("foreign", tenant="other"), 5)
    assert recordings.erasing(db) == []
