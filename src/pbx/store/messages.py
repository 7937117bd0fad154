"""Messages and recorded greetings in the store: who left what for whom, its state, and the sound, sealed.

A message comes with the journal (`kind: message`, the sound in a file of its own beside it), a change of its state as
`kind: message_is`; the newest word on a message counts. Call processes read what has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbx.store import outbox, sealed

if TYPE_CHECKING:
    from pbx.store.database import Database

SCHEMA = """CREATE TABLE message (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, box TEXT NOT NULL, caller TEXT, name TEXT NOT NULL, origin TEXT NOT NULL,
  born BIGINT NOT NULL, length BIGINT NOT NULL, state TEXT NOT NULL, author TEXT NOT NULL, changed BIGINT NOT NULL,
  sealed_with TEXT NOT NULL
)"""
SOUND_SCHEMA = "CREATE TABLE message_sound (id TEXT PRIMARY KEY, sound BYTEA NOT NULL)"
TEXT_SCHEMA = "CREATE TABLE message_text (id TEXT PRIMARY KEY, text BYTEA NOT NULL)"
COLUMNS = (
    "id", "tenant", "box", "caller", "name", "origin", "born", "length", "state", "author", "changed", "sealed_with",
)  # fmt: skip
DRAFT_WITHIN = 180_000  # ms that an e-mail waits for the draft of what was said
OVERLAP = 60_000  # ms by which clocks of hosts, and a journal that waited, may be behind
KEPT_DELETED = 86_400_000  # ms that a deleted message can still be brought back by hand

_KEEP = f"""INSERT INTO message ({", ".join(COLUMNS)}) VALUES ({", ".join(f":{name}" for name in COLUMNS)})
ON CONFLICT DO NOTHING"""
_SOUND = "INSERT INTO message_sound (id, sound) VALUES (:id, :sound) ON CONFLICT DO NOTHING"
_IS = """UPDATE message SET state = :state, author = :author, changed = :changed
WHERE id = :id AND changed < :changed"""
_OLD = "state = 'deleted' AND changed < :before"


def keep(
    db: Database,
    row: Mapping[str, Any],
    file: str,
    mails: Sequence[Mapping[str, Any]] = (),
    transcribe: Mapping[str, Any] | None = None,
) -> None:
    """A message with its sound, the e-mails that are to tell of it, which wait a while for a draft of what was said
    where there is to be one. Twice changes nothing: without its file it is in the store already."""
    try:
        sound = Path(file).read_bytes()
    except FileNotFoundError:
        return
    put(db, row, sound)
    now, wait = row["changed"], 0
    if transcribe is not None:
        outbox.put(db, f"transcribe/{row['id']}", "transcribe", {**transcribe, "message": row["id"]}, now)
        wait = DRAFT_WITHIN
    for place, mail in enumerate(mails):
        job = f"mail/{row['id']}/{place}" if place else f"mail/{row['id']}"
        outbox.put(db, job, "mail", {**mail, "message": row["id"]}, now, due=now + wait)


def put(db: Database, row: Mapping[str, Any], sound: bytes) -> None:
    """A message and its sealed sound; one that is there stays as it is."""
    db.execute(_SOUND, {"id": row["id"], "sound": sound})
    db.execute(_KEEP, {name: row[name] for name in COLUMNS})


def is_now(db: Database, row: Mapping[str, Any]) -> None:
    """Another state; an older word than the store has changes nothing."""
    db.execute(_IS, {name: row[name] for name in ("id", "state", "author", "changed")})


def since(db: Database, changed: int = 0) -> list[dict[str, Any]]:
    """All messages, or those that are otherwise since a moment (ms of UTC), deleted ones among them."""
    rows = db.execute(
        f"SELECT {', '.join(COLUMNS)} FROM message WHERE changed >= :changed", {"changed": changed}
    ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def one(db: Database, message: str) -> dict[str, Any] | None:
    """A message, whatever its state."""
    row = db.execute(f"SELECT {', '.join(COLUMNS)} FROM message WHERE id = :id", {"id": message}).fetchone()
    return None if row is None else dict(zip(COLUMNS, row, strict=True))


def sound_of(db: Database, message: str) -> bytes | None:
    """The sealed sound."""
    row = db.execute("SELECT sound FROM message_sound WHERE id = :id", {"id": message}).fetchone()
    return None if row is None else bytes(row[0])


def sealed_text(key: bytes, message: str, text: str) -> bytes:
    """As private as the sound: with a key of its own."""
    return sealed.Seal(key, f"{message}/text").piece(text.encode())


def opened_text(key: bytes, message: str, data: bytes) -> str:
    """Raises sealed.Unreadable."""
    return sealed.opened(key, f"{message}/text", data).decode()


def write_text(db: Database, message: str, text: bytes) -> None:
    """The draft of what was said, sealed; a later one counts."""
    db.execute("DELETE FROM message_text WHERE id = :id", {"id": message})
    db.execute("INSERT INTO message_text (id, text) VALUES (:id, :text)", {"id": message, "text": text})


def text_of(db: Database, message: str) -> bytes | None:
    """The sealed draft."""
    row = db.execute("SELECT text FROM message_text WHERE id = :id", {"id": message}).fetchone()
    return None if row is None else bytes(row[0])


def mails(db: Database, tenant: str, box: str) -> list[dict[str, Any]]:
    """E-mails of messages in a box that wait, or were given up."""
    found = []
    for job in outbox.listed(db, "mail"):
        message = one(db, job["body"]["message"])
        if message is not None and (message["tenant"], message["box"]) == (tenant, box):
            found.append({**job, "message": message["id"], "to": job["body"]["to"]})
    return found


def mail_now(db: Database, message: str, now: int) -> None:
    """Its e-mails wait no longer for a draft."""
    outbox.hasten(db, f"mail/{message}", now)


def sweep(db: Database, now: int) -> int:
    """Forget what was deleted long enough ago, with its sound; returns how many."""
    values = {"before": now - KEPT_DELETED}
    with db.transaction():
        for table in ("message_sound", "message_text"):
            db.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM message WHERE {_OLD})", values)
        return db.execute(f"DELETE FROM message WHERE {_OLD}", values).rowcount
