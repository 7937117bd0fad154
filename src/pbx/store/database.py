"""The store of one host: SQLite with its schema, call records and leases.

Times are integer milliseconds of UTC. SQLite runs in WAL mode with synchronous=FULL: what the drainer committed
survives a power cut, so a journal segment may be deleted after its commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE cdr (
  id TEXT PRIMARY KEY, node TEXT NOT NULL, boot TEXT NOT NULL, tenant TEXT NOT NULL, direction TEXT NOT NULL,
  caller TEXT, dialled TEXT NOT NULL, number TEXT, source TEXT NOT NULL, revision TEXT NOT NULL,
  started INTEGER NOT NULL, answered INTEGER, ended INTEGER, disposition TEXT NOT NULL DEFAULT '',
  code INTEGER NOT NULL DEFAULT 0, answered_by TEXT, hung_up_by TEXT,
  path TEXT NOT NULL DEFAULT '[]', reasons TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX cdr_tenant_started ON cdr (tenant, started);
CREATE INDEX cdr_open ON cdr (node, boot) WHERE ended IS NULL;
CREATE TABLE position (segment TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (tenant TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch INTEGER NOT NULL, beat INTEGER NOT NULL)
  WITHOUT ROWID;
"""

_START = """INSERT INTO cdr (id, node, boot, tenant, direction, caller, dialled, number, source, revision, started)
VALUES (:id, :node, :boot, :tenant, :direction, :caller, :dialled, :number, :source, :revision, :started)
ON CONFLICT DO NOTHING"""
_ANSWER = "UPDATE cdr SET answered = :answered, path = :path WHERE id = :id AND ended IS NULL"
_END = """UPDATE cdr SET answered = :answered, ended = :ended, disposition = :disposition, code = :code,
answered_by = :answered_by, hung_up_by = :hung_up_by, number = :number, direction = :direction, path = :path,
reasons = :reasons WHERE id = :id AND ended IS NULL"""
_INTERRUPT = """UPDATE cdr SET ended = :now, disposition = 'interrupted' WHERE node = :node AND boot <> :boot
AND ended IS NULL"""


class WrongSchema(Exception):
    """The store was written by another version of this software."""


def connect(path: Path | str, *, create: bool = True) -> sqlite3.Connection:
    """Open the store, making its schema on an empty file. Raises WrongSchema for a newer one."""
    path = Path(path)
    if not create and not path.exists():
        raise FileNotFoundError(path)
    db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    with transaction(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    if version > SCHEMA_VERSION:
        db.close()
        raise WrongSchema(
            f"{path} has schema {version}, this release knows {SCHEMA_VERSION}: install the newer release"
        )
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; after an error, of COMMIT too, the connection is ready for the next one."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite has rolled back by itself, when the disk is full
            db.execute("ROLLBACK")
        raise


def write(db: sqlite3.Connection, records: Iterable[dict[str, Any]], position: tuple[str, int]) -> None:
    """One transaction: journal records and how far the segment was read. Doing it twice changes nothing."""
    with transaction(db):
        for record in records:
            _write_one(db, record)
        db.execute("INSERT OR REPLACE INTO position VALUES (?, ?)", position)


def _write_one(db: sqlite3.Connection, record: dict[str, Any]) -> None:
    row = {key: _column(value) for key, value in record.items()}
    match record["kind"]:
        case "start":
            db.execute(_START, row)
        case "answer":
            db.execute(_ANSWER, row)
        case "end":
            db.execute(_START, row)  # a start that was lost with a full disk
            db.execute(_END, row)
        case "boot":
            pass


def _column(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value


def interrupt(db: sqlite3.Connection, *, node: str, boot: str, now: int) -> int:
    """Close the calls of earlier starts of a process that ended without a word; returns how many."""
    return db.execute(_INTERRUPT, {"node": node, "boot": boot, "now": now}).rowcount


def last_calls(db: sqlite3.Connection, *, last: int = 20, call_id: str | None = None) -> Sequence[dict[str, Any]]:
    """The newest call records first, or the one named."""
    where, values = ("WHERE id = ?", [call_id]) if call_id else ("", [])
    cursor = db.execute(f"SELECT * FROM cdr {where} ORDER BY started DESC, id DESC LIMIT ?", [*values, last])
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        row["path"], row["reasons"] = orjson.loads(row["path"]), orjson.loads(row["reasons"])
    return rows
