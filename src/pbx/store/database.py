"""The store: call records and leases, behind one small interface for SQLite (one host) and PostgreSQL (several).

Times are integer milliseconds of UTC. Statements are plain SQL that both engines take, with `:name` for values.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import orjson

from pbx.store import channels, last_numbers, messages, outbox, recordings, settings

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE cdr (
  id TEXT PRIMARY KEY, node TEXT NOT NULL, boot TEXT NOT NULL, tenant TEXT NOT NULL, direction TEXT NOT NULL,
  caller TEXT, dialled TEXT NOT NULL, number TEXT, source TEXT NOT NULL, revision TEXT NOT NULL,
  started BIGINT NOT NULL, answered BIGINT, ended BIGINT, disposition TEXT NOT NULL DEFAULT '',
  code BIGINT NOT NULL DEFAULT 0, answered_by TEXT, hung_up_by TEXT,
  path TEXT NOT NULL DEFAULT '[]', reasons TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX cdr_tenant_started ON cdr (tenant, started);
CREATE INDEX cdr_open ON cdr (node, boot) WHERE ended IS NULL;
CREATE TABLE position (segment TEXT PRIMARY KEY, "offset" BIGINT NOT NULL);
CREATE TABLE lease (tenant TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch BIGINT NOT NULL, beat BIGINT NOT NULL)
"""

# Columns that came later; a store gets those that it lacks when it is opened. They may be empty and the version stays,
# as a release from before writes the columns that it names and reads what it knows: it can be put back.
ADDED = {"facts": "ALTER TABLE cdr ADD COLUMN facts TEXT"}
ADDED_TABLES = {  # as columns
    "setting": settings.SCHEMA,
    "channels": channels.SCHEMA,
    "last_number": last_numbers.SCHEMA,
    "message": messages.SCHEMA,
    "message_sound": messages.SOUND_SCHEMA,
    "message_text": messages.TEXT_SCHEMA,
    "job": outbox.SCHEMA,
    "recording": recordings.SCHEMA,
    "recording_event": recordings.EVENT_SCHEMA,
    "recording_erasure": recordings.ERASURE_SCHEMA,
}
ADDED_INDEXES = recordings.INDEXES  # name → statement

_START = """INSERT INTO cdr (id, node, boot, tenant, direction, caller, dialled, number, source, revision, started)
VALUES (:id, :node, :boot, :tenant, :direction, :caller, :dialled, :number, :source, :revision, :started)
ON CONFLICT DO NOTHING"""
_ANSWER = "UPDATE cdr SET answered = :answered, path = :path WHERE id = :id AND ended IS NULL"
_END = """UPDATE cdr SET answered = :answered, ended = :ended, disposition = :disposition, code = :code,
answered_by = :answered_by, hung_up_by = :hung_up_by, number = :number, direction = :direction, path = :path,
reasons = :reasons, facts = :facts WHERE id = :id AND (ended IS NULL OR disposition = 'interrupted')"""
_INTERRUPT = """UPDATE cdr SET ended = :now, disposition = 'interrupted' WHERE node = :node AND boot <> :boot
AND ended IS NULL"""
_LOST = """UPDATE cdr SET ended = :at, disposition = 'interrupted' WHERE node = :of AND tenant = :tenant
AND started <= :at AND ended IS NULL"""
_KEPT = "UPDATE cdr SET boot = :boot WHERE id = :id AND node = :node AND ended IS NULL"
_TAKEN = "UPDATE cdr SET node = :node, boot = :boot WHERE id = :id AND ended IS NULL"
_POSITION = """INSERT INTO position VALUES (:segment, :offset)
ON CONFLICT (segment) DO UPDATE SET "offset" = excluded."offset" """


class WrongSchema(Exception):
    """The store was written by another version of this software."""

    def __init__(self, where: Path | str, version: int) -> None:
        super().__init__(
            f"{where} has schema {version}, this release knows {SCHEMA_VERSION}: install the newer release"
        )


class StoreUnavailable(Exception):
    """The store did not take it, now: down, cut off, full or too slow. Trying again later is right."""


FAILURES = (StoreUnavailable, sqlite3.Error, OSError)
"""What a store that is there, but does not work now, raises."""


class Rows(Protocol):
    """The answer to a statement."""

    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> Any: ...


class Database(ABC):
    """One connection to the store. All methods raise one of FAILURES when it does not work."""

    @abstractmethod
    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> Rows:
        """One statement of our SQL; a transaction of its own when there is none."""

    @abstractmethod
    def transaction(self, *, only_writes: bool = False) -> AbstractContextManager[None]:
        """All of it or nothing; after an error, of COMMIT too, the connection is ready for the next one. With
        `only_writes` nobody looks at the answers."""

    @abstractmethod
    def now(self) -> int:
        """The time by which leases end, in ms."""

    def give_up_after(self, seconds: float) -> None:  # noqa: B027
        """Statements from here on end with an error after this time; PostgreSQL has a limit of its own."""

    @abstractmethod
    def close(self) -> None: ...


def connect(
    where: Path | str,
    *,
    create: bool = True,
    read_only: bool = False,
    password: Callable[[], str | None] = lambda: None,
) -> Database:
    """Open the store, making its schema in an empty one. `where`: a file, or postgresql://USER@HOST:PORT/DATABASE.
    With `read_only` nothing is made and nothing can be written.

    Raises WrongSchema for a newer one, FileNotFoundError for a file that is not there and shall not be made, FAILURES.
    """
    if str(where).startswith("postgresql:"):
        from pbx.store.postgresql import PostgreSQL

        return PostgreSQL(str(where), password, read_only=read_only)
    from pbx.store.sqlite import Sqlite

    return Sqlite(Path(where), create=create and not read_only, read_only=read_only)


def write(db: Database, records: Iterable[dict[str, Any]], position: tuple[str, int]) -> None:
    """One transaction: journal records and how far the segment was read. Doing it twice changes nothing."""
    with db.transaction(only_writes=True):
        for record in records:
            _write_one(db, record)
        db.execute(_POSITION, {"segment": position[0], "offset": position[1]})


def _write_one(db: Database, record: dict[str, Any]) -> None:
    row = {"facts": None, **{key: _column(value) for key, value in record.items()}}  # none from an older release
    match record["kind"]:
        case "start":
            db.execute(_START, row)
        case "answer":
            db.execute(_ANSWER, row)
        case "end":
            db.execute(_START, row)  # a start that was lost with a full disk
            db.execute(_END, row)
            last_numbers.say(db, record)
        case "setting":
            settings.say(db, record)
        case "message":
            before = [record["mail"]] if "mail" in record else []  # of an older release
            mails, transcribe = record.get("mails", before), record.get("transcribe")
            messages.keep(db, record["message"], record["file"], mails, transcribe)
        case "message_is":
            messages.is_now(db, record)
        case "taken":  # calls of another process that go on in this one; the line of their start may come later
            for call in record["calls"]:
                db.execute(_START, {**call, "node": record["node"], "boot": record["boot"]})
                db.execute(_TAKEN, {"id": call["id"], "node": record["node"], "boot": record["boot"]})
        case "lost":  # calls of a dead host, which nobody goes on with; what it knew of their end may come later
            for tenant in record["tenants"]:
                db.execute(_LOST, {"of": record["of"], "tenant": tenant, "at": record["at"]})
        case "boot":  # calls of the start before that go on in this one
            for call_id in record.get("kept", ()):
                db.execute(_KEPT, {"id": call_id, "node": record["node"], "boot": record["boot"]})


def _column(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value


def positions(db: Database) -> dict[str, int]:
    """How far each segment was read, of all hosts that ship to this store."""
    return dict(db.execute('SELECT segment, "offset" FROM position').fetchall())


def forget(db: Database, segment: str) -> None:
    """The segment is gone."""
    db.execute("DELETE FROM position WHERE segment = :segment", {"segment": segment})


def interrupt(db: Database, *, node: str, boot: str, now: int) -> int:
    """Close the calls of earlier starts of a process that ended without a word; returns how many."""
    return db.execute(_INTERRUPT, {"node": node, "boot": boot, "now": now}).rowcount


def last_calls(db: Database, *, last: int = 20, call_id: str | None = None) -> Sequence[dict[str, Any]]:
    """The newest call records first, or the one named."""
    where, values = ("WHERE id = :id", {"id": call_id}) if call_id else ("", {})
    cursor = db.execute(
        f"SELECT * FROM cdr {where} ORDER BY started DESC, id DESC LIMIT :last", {**values, "last": last}
    )
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["path"], row["reasons"] = orjson.loads(row["path"]), orjson.loads(row["reasons"])
        row["facts"] = orjson.loads(row["facts"]) if row.get("facts") else None
    return rows
