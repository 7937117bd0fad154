"""What people have set themselves, in the store: one row for each setting, the newest word on it, with author and time.

A word comes with the journal (`kind: setting`), so that whoever says it waits for no store; a value of JSON's null was
taken back. Call processes read what has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pbx.store.database import Database

SCHEMA = """CREATE TABLE setting (
  tenant TEXT NOT NULL, person TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, author TEXT NOT NULL,
  changed BIGINT NOT NULL, PRIMARY KEY (tenant, person, key)
)"""
OVERLAP = 60_000  # ms by which clocks of hosts, and a journal that waited, may be behind

_SAY = """INSERT INTO setting (tenant, person, key, value, author, changed)
VALUES (:tenant, :user, :key, :value, :author, :changed) ON CONFLICT (tenant, person, key) DO UPDATE
SET value = excluded.value, author = excluded.author, changed = excluded.changed
WHERE setting.changed < excluded.changed"""


def say(db: Database, row: Mapping[str, Any]) -> None:
    """A word on a setting; an older one than the store has changes nothing."""
    names = ("tenant", "user", "key", "author", "changed")
    db.execute(_SAY, {**{name: row[name] for name in names}, "value": orjson.dumps(row["value"]).decode()})


def said(db: Database, *, since: int = 0) -> list[dict[str, Any]]:
    """Every word, or those since a moment (ms of UTC), taken-back ones among them."""
    rows = db.execute(
        "SELECT tenant, person, key, value, author, changed FROM setting WHERE changed >= :since", {"since": since}
    ).fetchall()
    names = ("tenant", "user", "key", "value", "author", "changed")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for row in found:
        row["value"] = orjson.loads(row["value"])
    return found
