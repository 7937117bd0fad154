"""Recordings in the store: one row for each whose sound is kept, and what was done with it, by whom.

The sound itself is an object elsewhere (`store/places.py`). A row that is `erasing` is heard and listed no more; it
goes when its object has gone. What is known of it then is in `recording_event`, which names no number and no person.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pbx.store.database import Database

SCHEMA = """CREATE TABLE recording (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, call_id TEXT NOT NULL, policy TEXT NOT NULL, started BIGINT NOT NULL,
  length BIGINT NOT NULL, direction TEXT NOT NULL, caller TEXT NOT NULL, called TEXT NOT NULL, people TEXT NOT NULL,
  gaps TEXT NOT NULL, announced BIGINT NOT NULL, listen TEXT NOT NULL, place TEXT NOT NULL, object TEXT NOT NULL,
  size BIGINT NOT NULL, sha256 TEXT NOT NULL, sound_size BIGINT NOT NULL, sound_sha256 TEXT NOT NULL,
  sealed_with TEXT NOT NULL, peaks TEXT NOT NULL, kept BIGINT NOT NULL, due BIGINT, state TEXT NOT NULL,
  held_at BIGINT, held_by TEXT, held_for TEXT
)"""
EVENT_SCHEMA = """CREATE TABLE recording_event (
  id TEXT PRIMARY KEY, recording TEXT NOT NULL, tenant TEXT NOT NULL, at BIGINT NOT NULL, what TEXT NOT NULL,
  author TEXT NOT NULL, role TEXT NOT NULL, address TEXT NOT NULL, detail TEXT NOT NULL
)"""
ERASURE_SCHEMA = """CREATE TABLE recording_erasure (
  tenant TEXT NOT NULL, number TEXT NOT NULL, at BIGINT NOT NULL, author TEXT NOT NULL, PRIMARY KEY (tenant, number)
)"""
INDEXES = {
    "recording_started": "CREATE INDEX recording_started ON recording (tenant, started)",
    "recording_caller": "CREATE INDEX recording_caller ON recording (tenant, caller)",
    "recording_called": "CREATE INDEX recording_called ON recording (tenant, called)",
    "recording_call": "CREATE INDEX recording_call ON recording (call_id)",
    "recording_due": "CREATE INDEX recording_due ON recording (due)",
    "recording_kept": "CREATE INDEX recording_kept ON recording (kept)",
    "recording_event_of": "CREATE INDEX recording_event_of ON recording_event (recording)",
    "recording_event_at": "CREATE INDEX recording_event_at ON recording_event (tenant, at)",
}
KEPT, ERASING = "kept", "erasing"
GONE = ("erased", "expired")
ERASURE_REMEMBERED = 90 * 86_400_000  # ms that a recording of before may still be on its way here

COLUMNS = (
    "id", "tenant", "call_id", "policy", "started", "length", "direction", "caller", "called", "people", "gaps",
    "announced", "listen", "place", "object", "size", "sha256", "sound_size", "sound_sha256", "sealed_with", "peaks",
    "kept", "due", "state",
)  # fmt: skip
HELD = ("held_at", "held_by", "held_for")
LISTED = tuple(name for name in COLUMNS if name != "peaks") + HELD
PARTS = ("people", "gaps", "listen")  # kept as JSON

_KEEP = f"""INSERT INTO recording ({", ".join(COLUMNS)}) VALUES ({", ".join(f":{name}" for name in COLUMNS)})
ON CONFLICT DO NOTHING"""
_EVENT = """INSERT INTO recording_event (id, recording, tenant, at, what, author, role, address, detail)
VALUES (:id, :recording, :tenant, :at, :what, :author, :role, :address, :detail)"""
_ERASE = """UPDATE recording SET state = 'erasing' WHERE tenant = :tenant AND (caller = :number OR called = :number)
AND state = 'kept' AND held_at IS NULL"""
_OF_NUMBER = "tenant = :tenant AND (caller = :number OR called = :number) AND state = 'kept'"
_EXPIRE = "UPDATE recording SET state = 'erasing' WHERE due <= :now AND state = 'kept' AND held_at IS NULL"
_ERASURE = """INSERT INTO recording_erasure (tenant, number, at, author) VALUES (:tenant, :number, :at, :author)
ON CONFLICT (tenant, number) DO UPDATE SET at = excluded.at, author = excluded.author"""


@dataclass(frozen=True, slots=True)
class By:
    """Who does something with a recording: a token with its role and address, or the keeper itself."""

    author: str
    role: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Recordings of a tenant; times are ms of UTC, `until` left out. `number` is either side's. With `person` those
    in which that user took part, or which are of the policies `or_of`."""

    tenant: str
    since: int | None = None
    until: int | None = None
    number: str | None = None
    policy: str | None = None
    call: str | None = None
    person: str | None = None
    or_of: tuple[str, ...] = ()
    held: bool | None = None
    after: tuple[int, str] | None = None


def keep(db: Database, row: Mapping[str, Any], now: int) -> bool:
    """The row of a recording whose object is where it says; False when it was kept before, or is gone again. One with a
    number that was erased meanwhile is erased at once."""
    values = {name: _column(row[name]) for name in COLUMNS}
    with db.transaction():
        if is_gone(db, row["id"]):
            return False
        if not db.execute(_KEEP, values).rowcount:
            return False
        note(
            db, row["id"], row["tenant"], now, "kept", By("keeper"), {"object": row["object"], "sha256": row["sha256"]}
        )
        numbers = {"tenant": row["tenant"], "caller": row["caller"], "called": row["called"], "at": row["started"]}
        sql = """UPDATE recording SET state = 'erasing' WHERE id = :id AND EXISTS (SELECT 1 FROM recording_erasure
        WHERE tenant = :tenant AND number IN (:caller, :called) AND at >= :at)"""
        db.execute(sql, {**numbers, "id": row["id"]})
    return True


def is_known(db: Database, recording: str) -> bool:
    """Kept, or gone again: nothing of it is to be kept any more."""
    row = db.execute("SELECT 1 FROM recording WHERE id = :id", {"id": recording}).fetchone()
    return row is not None or is_gone(db, recording)


def is_gone(db: Database, recording: str) -> bool:
    """It was there, and was erased or is past its time."""
    sql = "SELECT 1 FROM recording_event WHERE recording = :id AND what IN ('erased', 'expired')"
    return db.execute(sql, {"id": recording}).fetchone() is not None


def note(
    db: Database,
    recording: str,
    tenant: str,
    at: int,
    what: str,
    by: By,
    detail: Mapping[str, Any],
) -> None:
    """What was done with a recording."""
    db.execute(
        _EVENT,
        {
            "id": f"{at:x}-{secrets.token_hex(6)}",
            "recording": recording,
            "tenant": tenant,
            "at": at,
            "what": what,
            "author": by.author,
            "role": by.role,
            "address": by.address,
            "detail": orjson.dumps(dict(detail)).decode(),
        },
    )


def one(db: Database, tenant: str, recording: str, *, peaks: bool = False) -> dict[str, Any] | None:
    """A recording that may be heard."""
    names = (*LISTED, "peaks") if peaks else LISTED
    row = db.execute(
        f"SELECT {', '.join(names)} FROM recording WHERE id = :id AND tenant = :tenant AND state = 'kept'",
        {"id": recording, "tenant": tenant},
    ).fetchone()
    return None if row is None else _plain(dict(zip(names, row, strict=True)))


def find(db: Database, wanted: Wanted, *, most: int) -> list[dict[str, Any]]:
    """The newest first."""
    parts: list[str] = ["tenant = :tenant", "state = 'kept'"]
    values: dict[str, Any] = {"tenant": wanted.tenant}
    conditions: list[tuple[str, str, Any]] = [
        ("started >= :since", "since", wanted.since),
        ("started < :until", "until", wanted.until),
        ("(caller = :number OR called = :number)", "number", wanted.number),
        ("policy = :policy", "policy", wanted.policy),
        ("call_id = :call", "call", wanted.call),
    ]
    for condition, name, value in conditions:
        if value is not None:
            parts.append(condition)
            values[name] = value
    if wanted.person is not None:
        also = {f"policy{number}": policy for number, policy in enumerate(wanted.or_of)}
        among = f" OR policy IN ({', '.join(f':{name}' for name in also)})" if also else ""
        parts.append(f"(people LIKE :person{among})")
        values |= {"person": f'%"{wanted.person}"%', **also}
    if wanted.held is not None:
        parts.append("held_at IS NOT NULL" if wanted.held else "held_at IS NULL")
    if wanted.after is not None:
        parts.append("(started < :after OR (started = :after AND id < :after_id))")
        values |= {"after": wanted.after[0], "after_id": wanted.after[1]}
    rows = db.execute(
        f"SELECT {', '.join(LISTED)} FROM recording WHERE {' AND '.join(parts)}"
        " ORDER BY started DESC, id DESC LIMIT :most",
        {**values, "most": most},
    ).fetchall()
    return [_plain(dict(zip(LISTED, row, strict=True))) for row in rows]


def of_calls(db: Database, calls: Sequence[str]) -> dict[str, list[str]]:
    """Call → ids of its recordings."""
    if not calls:
        return {}
    names = {f"call{number}": call for number, call in enumerate(calls)}
    among = ", ".join(f":{name}" for name in names)
    rows = db.execute(
        f"SELECT call_id, id FROM recording WHERE call_id IN ({among}) AND state = 'kept' ORDER BY started, id", names
    ).fetchall()
    found: dict[str, list[str]] = {}
    for call, recording in rows:
        found.setdefault(call, []).append(recording)
    return found


def kept_since(db: Database, since: int) -> list[dict[str, Any]]:
    """What was kept from a moment on (ms of UTC), for those who are to be told."""
    names = ("id", "tenant", "call_id", "policy", "started", "length", "kept")
    rows = db.execute(
        f"SELECT {', '.join(names)} FROM recording WHERE kept >= :since AND state = 'kept' ORDER BY kept, id",
        {"since": since},
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def events(db: Database, tenant: str, recording: str | None, *, most: int) -> list[dict[str, Any]]:
    """What was done, the newest first; of one recording, or of all."""
    names = ("recording", "at", "what", "author", "role", "address", "detail")
    only = " AND recording = :recording" if recording is not None else ""
    rows = db.execute(
        f"SELECT {', '.join(names)} FROM recording_event WHERE tenant = :tenant{only}"
        " ORDER BY at DESC, id DESC LIMIT :most",
        {"tenant": tenant, "most": most, **({"recording": recording} if recording is not None else {})},
    ).fetchall()
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for row in found:
        row["detail"] = orjson.loads(row["detail"])
    return found


def hold(db: Database, tenant: str, recording: str, reason: str, by: By, now: int) -> bool:
    """Neither its time nor an erasure ends it from now on; False when it is not there."""
    values = {"id": recording, "tenant": tenant, "at": now, "by": by.author, "reason": reason}
    sql = """UPDATE recording SET held_at = :at, held_by = :by, held_for = :reason
    WHERE id = :id AND tenant = :tenant AND state = 'kept'"""
    with db.transaction():
        if not db.execute(sql, values).rowcount:
            return False
        note(db, recording, tenant, now, "held", by, {"reason": reason})
    return True


def release(db: Database, tenant: str, recording: str, by: By, now: int) -> bool:
    """Held no longer; False when it is not there."""
    sql = """UPDATE recording SET held_at = NULL, held_by = NULL, held_for = NULL
    WHERE id = :id AND tenant = :tenant AND state = 'kept'"""
    with db.transaction():
        if not db.execute(sql, {"id": recording, "tenant": tenant}).rowcount:
            return False
        note(db, recording, tenant, now, "released", by, {})
    return True


def erase(db: Database, tenant: str, number: str, reason: str, by: By, now: int) -> tuple[list[str], list[str]]:
    """All recordings with a number: those that are erased, and those that are held. Recordings from before that are
    still on their way here are erased when they come."""
    values = {"tenant": tenant, "number": number}
    with db.transaction():
        held = [
            row[0]
            for row in db.execute(
                f"SELECT id FROM recording WHERE {_OF_NUMBER} AND held_at IS NOT NULL", values
            ).fetchall()
        ]
        goes = [
            row[0]
            for row in db.execute(f"SELECT id FROM recording WHERE {_OF_NUMBER} AND held_at IS NULL", values).fetchall()
        ]
        db.execute(_ERASE, values)
        for recording in goes:
            note(db, recording, tenant, now, "erase", by, {"reason": reason})
        db.execute(_ERASURE, {**values, "at": now, "author": by.author})
    return goes, held


def expire(db: Database, now: int) -> int:
    """What is past its time is heard no more; returns how many."""
    with db.transaction():
        db.execute("DELETE FROM recording_erasure WHERE at < :before", {"before": now - ERASURE_REMEMBERED})
        return db.execute(_EXPIRE, {"now": now}).rowcount


def erasing(db: Database, *, most: int = 100) -> list[dict[str, Any]]:
    """Those whose objects are to go."""
    names = ("id", "tenant", "place", "object", "due")
    rows = db.execute(
        f"SELECT {', '.join(names)} FROM recording WHERE state = 'erasing' ORDER BY id LIMIT :most", {"most": most}
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def erased(db: Database, recording: str, now: int) -> None:
    """Its object has gone: so does its row, and nobody's number or name stays."""
    with db.transaction():
        row = db.execute(
            "SELECT tenant, call_id, policy, started, sha256, sound_sha256, due FROM recording"
            " WHERE id = :id AND state = 'erasing'",
            {"id": recording},
        ).fetchone()
        if row is None:
            return
        names = ("tenant", "call_id", "policy", "started", "sha256", "sound_sha256", "due")
        about = dict(zip(names, row, strict=True))
        asked = db.execute(
            "SELECT 1 FROM recording_event WHERE recording = :id AND what = 'erase'", {"id": recording}
        ).fetchone()
        due = about.pop("due")
        what = "expired" if asked is None and due is not None and due <= now else "erased"
        if db.execute("DELETE FROM recording WHERE id = :id AND state = 'erasing'", {"id": recording}).rowcount:
            note(db, recording, about.pop("tenant"), now, what, By("keeper"), about)


def _column(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return orjson.dumps(value).decode() if isinstance(value, list | tuple | dict) else value


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    for part in (*PARTS, *(("peaks",) if "peaks" in row else ())):
        row[part] = orjson.loads(row[part])
    row["announced"] = bool(row["announced"])
    return row
