"""What is to be sent to others: one row for each, put there in the transaction of what it tells of, gone when it was
taken. At least once: who sends names the thing, so that twice is known as once."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pbx.store.database import Database

SCHEMA = """CREATE TABLE job (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, due BIGINT NOT NULL, tries BIGINT NOT NULL,
  born BIGINT NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL
)"""
WAITS, DEAD = "waits", "dead"
LEASE = 120_000  # ms that whoever took a job has for it
GIVE_UP = 86_400_000  # ms
MOST_WAIT = 3_600_000
FIRST_WAIT = 5_000

_PUT = """INSERT INTO job (id, kind, body, due, tries, born, state, error)
VALUES (:id, :kind, :body, :due, 0, :now, 'waits', '') ON CONFLICT DO NOTHING"""


def put(db: Database, job: str, kind: str, body: Mapping[str, Any], now: int, *, due: int | None = None) -> None:
    """To be sent now, or when it is due. Twice changes nothing."""
    values = {"id": job, "kind": kind, "body": orjson.dumps(body).decode(), "now": now}
    db.execute(_PUT, {**values, "due": now if due is None else due})


def hasten(db: Database, job: str, now: int) -> None:
    """It and its parts (`job/1`) are due, where nobody has tried yet."""
    sql = (
        "UPDATE job SET due = :now WHERE (id = :id OR id LIKE :parts) AND state = 'waits' AND tries = 0 AND due > :now"
    )
    db.execute(sql, {"id": job, "parts": f"{job}/%", "now": now})


def take(db: Database, kind: str, now: int, most: int = 10) -> list[dict[str, Any]]:
    """Jobs that are due, for whoever asks alone, for LEASE."""
    rows = db.execute(
        "SELECT id, body, tries, born, due FROM job WHERE kind = :kind AND state = 'waits' AND due <= :now"
        " ORDER BY due LIMIT :most",
        {"kind": kind, "now": now, "most": most},
    ).fetchall()
    taken = []
    for name, body, tries, born, due in rows:
        values = {"id": name, "due": due, "until": now + LEASE}
        sql = "UPDATE job SET due = :until, tries = tries + 1 WHERE id = :id AND due = :due AND state = 'waits'"
        if db.execute(sql, values).rowcount == 1:  # nobody was faster
            taken.append({"id": name, "body": orjson.loads(body), "tries": tries + 1, "born": born})
    return taken


def done(db: Database, job: str) -> None:
    db.execute("DELETE FROM job WHERE id = :id", {"id": job})


def failed(db: Database, job: Mapping[str, Any], error: str, now: int, *, for_good: bool = False) -> bool:
    """Later again, ever later; True when it is given up: after a day, or what was refused for good."""
    dead = for_good or now - job["born"] > GIVE_UP
    wait = min(MOST_WAIT, FIRST_WAIT * 2 ** min(job["tries"], 20)) * random.uniform(0.5, 1.0)
    values = {"id": job["id"], "due": now + int(wait), "state": DEAD if dead else WAITS, "error": error[:500]}
    db.execute("UPDATE job SET due = :due, state = :state, error = :error WHERE id = :id", values)
    return dead


def listed(db: Database, kind: str, most: int = 500) -> list[dict[str, Any]]:
    """What waits or was given up, the newest first."""
    rows = db.execute(
        "SELECT body, due, tries, born, state, error FROM job WHERE kind = :kind ORDER BY born DESC LIMIT :most",
        {"kind": kind, "most": most},
    ).fetchall()
    names = ("body", "due", "tries", "born", "state", "error")
    return [{**dict(zip(names, row, strict=True)), "body": orjson.loads(row[0])} for row in rows]


def again(db: Database, kind: str, now: int) -> int:
    """What was given up is tried anew, as if it had come now; returns how many."""
    sql = "UPDATE job SET state = 'waits', due = :now, born = :now, tries = 0 WHERE kind = :kind AND state = 'dead'"
    return db.execute(sql, {"kind": kind, "now": now}).rowcount
