"""The journal and its drainer: nothing written is lost by SIGKILL, nothing is doubled, open calls end `interrupted`."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pbx.store import database
from pbx.store.drain import Drainer
from pbx.store.journal import Journal, decode, encode, new_boot

WRITER = """
import sys
from pathlib import Path
from pbx.store.journal import Journal
journal = Journal(Path(sys.argv[1]), node="calls1.1", boot=sys.argv[2])
number = 0
while True:
    call = f"{sys.argv[2]}-{number}"
    start = dict(id=call, tenant="t", direction="internal", caller="201", dialled="202", number=None, source="device a",
                 revision="r", started=number)
    journal.append("start", start)
    print("s", call, flush=True)
    journal.append("end", start | dict(answered=None, ended=number + 1, disposition="busy", code=486, answered_by=None,
                   hung_up_by=None, path=["user/x"], reasons=[]))
    print("e", call, flush=True)
    number += 1
"""


def start_record(call_id: str) -> dict[str, object]:
    return {
        "id": call_id,
        "tenant": "romashka",
        "direction": "internal",
        "caller": "201",
        "dialled": "202",
        "number": None,
        "source": "device ivanov-desk",
        "revision": "abc",
        "started": 1000,
    }


def end_record(call_id: str) -> dict[str, object]:
    return start_record(call_id) | {
        "answered": 2000,
        "ended": 3000,
        "disposition": "answered",
        "code": 200,
        "answered_by": "device petrova-desk",
        "hung_up_by": "caller",
        "path": ["user/petrova"],
        "reasons": ["extension 202: user/petrova"],
    }


def test_a_torn_tail_waits_and_a_damaged_line_is_passed_over() -> None:
    whole, damaged, torn = encode({"n": 1}), encode({"n": 2}).replace(b"2", b"3", 1), encode({"n": 4})[:-3]
    data = whole + damaged + encode({"n": 5}) + torn
    records = list(decode(data))
    assert [record for _, record in records] == [{"n": 1}, {"n": 5}]
    assert records[-1][0] == len(data) - len(torn)


def test_drained_twice_is_written_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", node="calls1.1", boot="0001")
    journal.append("start", start_record("a"))
    journal.append("end", end_record("a"))
    journal.close()
    db = database.connect(tmp_path / "store.sqlite")
    Drainer(tmp_path / "journal", db).drain()
    db.execute("DELETE FROM position")  # as if the commit's answer had been lost
    Drainer(tmp_path / "journal", db).drain()
    (row,) = database.last_calls(db)
    assert (row["disposition"], row["path"], row["revision"]) == ("answered", ["user/petrova"], "abc")


@pytest.mark.row("R33")
def test_calls_that_go_on_in_the_next_start_stay_open_until_their_own_end(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    first = Journal(folder, node="calls1.1", boot="000000000001")
    for call_id in ("goes-on", "dies"):
        first.append("start", start_record(call_id))
    first.close()
    db = database.connect(tmp_path / "store.sqlite")
    second = Journal(folder, node="calls1.1", boot="000000000002", kept=["goes-on"])
    Drainer(folder, db).drain()
    found = {row["id"]: row["disposition"] for row in database.last_calls(db)}
    assert found == {"goes-on": "", "dies": "interrupted"}
    second.close()
    third = Journal(folder, node="calls1.1", boot="000000000003")  # nothing is kept of it now
    Drainer(folder, db).drain()
    assert {row["disposition"] for row in database.last_calls(db)} == {"interrupted"}
    third.close()
    db.close()


def test_calls_of_a_dead_start_end_interrupted(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    first = Journal(tmp_path / "journal", node="calls1.1", boot="0001")
    first.append("start", start_record("lost"))
    drainer = Drainer(tmp_path / "journal", db)
    drainer.drain()
    assert database.last_calls(db)[0]["ended"] is None
    first.close()
    second = Journal(tmp_path / "journal", node="calls1.1", boot="0002")
    second.append("start", start_record("alive"))
    drainer.drain()
    rows = {row["id"]: row for row in database.last_calls(db)}
    assert rows["lost"]["disposition"] == "interrupted" and rows["lost"]["ended"] is not None
    assert rows["alive"]["ended"] is None
    assert [path.name for path in (tmp_path / "journal").iterdir()] == ["calls1.1-0002-000001.journal"]
    second.close()


def test_a_store_of_the_release_before_gets_the_new_column_and_serves_that_release_still(tmp_path: Path) -> None:
    """Decision 0009: an upgrade that goes back leaves nothing that the release before cannot use."""
    old = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    for statement in database.SCHEMA.split(";"):
        old.execute(statement)
    old.execute(f"PRAGMA user_version = {database.SCHEMA_VERSION}")
    columns = "id, node, boot, tenant, direction, dialled, source, revision, started"
    start = f"INSERT INTO cdr ({columns}) VALUES (?, 'n', 'b', 't', 'd', '1', 's', 'r', 1)"
    end = "UPDATE cdr SET ended = 2, path = '[]', reasons = '[]' WHERE id = ? AND ended IS NULL"
    old.execute(start, ["before"])
    old.execute(end, ["before"])
    journal = Journal(tmp_path / "journal", node="calls1.1", boot="0001")
    journal.append("end", {**end_record("new"), "facts": {"legs": [{"leg": "device a-desk", "at": 5}]}})
    journal.append("end", end_record("written by the release before"))
    journal.close()
    db = database.connect(tmp_path / "store.sqlite")
    Drainer(tmp_path / "journal", db).drain()
    old.execute(start, ["after"])
    old.execute(end, ["after"])
    facts = {row["id"]: row["facts"] for row in database.last_calls(db)}
    assert facts == {
        "before": None, "new": {"legs": [{"leg": "device a-desk", "at": 5}]},
        "written by the release before": None, "after": None,
    }  # fmt: skip
    database.connect(tmp_path / "store.sqlite").close()  # a second time there is nothing to add
    assert old.execute("PRAGMA user_version").fetchone() == (database.SCHEMA_VERSION,)


@pytest.mark.row("R34")
def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    db = database.connect(tmp_path / "store.sqlite")
    drainer = Drainer(folder, db)
    started: set[str] = set()
    ended: set[str] = set()
    for boot in range(1, 6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), f"{boot:04x}"], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for count, line in enumerate(writer.stdout):
            kind, call = line.split()
            (started if kind == "s" else ended).add(call)
            if count == 150 + 37 * boot:
                os.kill(writer.pid, signal.SIGKILL)
                break
            if count % 50 == 0:
                drainer.drain()
        writer.stdout.close()
        writer.wait()
    last = Journal(folder, node="calls1.1", boot="ffff")
    drainer.drain()
    last.close()
    rows = {row["id"]: row for row in database.last_calls(db, last=100_000)}
    assert started <= set(rows)
    assert all(rows[call]["disposition"] == "busy" for call in ended)
    assert all(row["ended"] is not None for row in rows.values())


def test_a_clock_set_back_makes_no_older_start(tmp_path: Path) -> None:
    first = new_boot(tmp_path, "calls1.1", 1_800_000_000_000)
    Journal(tmp_path, node="calls1.1", boot=first).close()
    Journal(tmp_path, node="calls1.2", boot=new_boot(tmp_path, "calls1.2", 1_900_000_000_000)).close()
    assert int(new_boot(tmp_path, "calls1.1", 1_700_000_000_000), 16) == 1_800_000_000_001
    assert int(new_boot(tmp_path, "calls1.1", 1_800_000_000_500), 16) == 1_800_000_000_500


def room_for(folder: Path, octets: int) -> str:
    """A writer that has so many octets of disk (RLIMIT_FSIZE: the kernel writes what fits, then refuses)."""
    return f"""
import resource, signal
from pathlib import Path
from pbx.store.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path({str(folder)!r}), node="calls1.1", boot="0001")
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, ({octets}, unlimited[1]))
for number in range(20):
    journal.append("start", {{"id": f"{{number:02d}}"}})
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
journal.append("start", {{"id": "after"}})
print(journal.lost)
"""


def test_a_full_disk_costs_only_what_did_not_fit(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", room_for(tmp_path, 301)], capture_output=True, text=True, check=True)
    (segment,) = tmp_path.iterdir()
    kept = [record["id"] for _, record in decode(segment.read_bytes()) if record["kind"] == "start"]
    assert kept == [f"{number:02d}" for number in range(len(kept) - 1)] + ["after"]
    assert int(done.stdout) == 20 - (len(kept) - 1) > 0


def test_a_segment_that_cannot_be_begun_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, node="calls1.1", boot="0001")
    monkeypatch.setattr("pbx.store.journal.SEGMENT_BYTES", 0)
    opened = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        try:
            journal.append("start", start_record("lost"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert journal.lost == 3
    assert len(os.listdir("/proc/self/fd")) == opened
    assert [path.name for path in tmp_path.iterdir()] == ["calls1.1-0001-000001.journal"]
    journal.append("start", start_record("a"))
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "calls1.1-0001-000002.journal"
    journal.close()


def test_a_store_that_was_full_takes_the_rest_later(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    journal = Journal(tmp_path / "journal", node="calls1.1", boot="0001")
    for number in range(200):
        journal.append("end", end_record(str(number)))
    journal.close()
    drainer = Drainer(tmp_path / "journal", db)
    db.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            drainer.drain()
    db.execute("PRAGMA max_page_count = 100000")
    drainer.drain()
    assert len(database.last_calls(db, last=1000)) == 200


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    db.execute(f"PRAGMA user_version = {database.SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(database.WrongSchema, match="install the newer release"):
        database.connect(tmp_path / "store.sqlite")


@pytest.mark.row("R33")
def test_calls_of_a_dead_host_end_once_and_what_it_still_knew_of_them_counts(tmp_path: Path) -> None:
    """Another host followed it. It may come back with lines that it had not shipped."""
    db = database.connect(tmp_path / "store.sqlite")
    dead = Journal(tmp_path / "calls1", node="calls1.1", boot="b1")
    for call in ("up", "over"):
        dead.append("start", start_record(call))
    Drainer(tmp_path / "calls1", db).drain()
    dead.append("end", end_record("over"))
    follower = Journal(tmp_path / "calls2", node="calls2.1", boot="b2")
    follower.append("start", start_record("new"))
    follower.append("lost", {"of": "calls1.1", "tenants": ["romashka"], "at": 5000})
    Drainer(tmp_path / "calls2", db).drain()
    found = {row["id"]: (row["disposition"], row["ended"]) for row in database.last_calls(db)}
    assert found == {"up": ("interrupted", 5000), "over": ("interrupted", 5000), "new": ("", None)}
    Drainer(tmp_path / "calls1", db).drain()  # it lives again
    found = {row["id"]: (row["disposition"], row["ended"]) for row in database.last_calls(db)}
    assert found["over"] == ("answered", 3000) and found["up"] == ("interrupted", 5000) and len(found) == 3
    for one in (dead, follower):
        one.close()
    db.close()
