"""How many calls each call process has over each trunk, so that several keep to one `max_channels` (behaviour R07).

Each writes its own row once a second and reads the others'; a row that is older than three beats is of a process that
died. So two processes may exceed a limit by what they begin within the same second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pbx.store.database import Database

SCHEMA = "CREATE TABLE channels (node TEXT PRIMARY KEY, used TEXT NOT NULL, beat BIGINT NOT NULL)"
STALE = 3000  # ms

_SAY = """INSERT INTO channels (node, used, beat) VALUES (:node, :used, :beat)
ON CONFLICT (node) DO UPDATE SET used = excluded.used, beat = excluded.beat"""


def say(db: Database, node: str, used: Mapping[str, int]) -> None:
    """What this process has, by the trunk's key."""
    db.execute(_SAY, {"node": node, "used": orjson.dumps(dict(used)).decode(), "beat": db.now()})


def of_others(db: Database, node: str) -> dict[str, int]:
    """What all other processes have that live."""
    values = {"node": node, "since": db.now() - STALE}
    rows = db.execute("SELECT used FROM channels WHERE node <> :node AND beat > :since", values).fetchall()
    total: Counter[str] = Counter()
    for (used,) in rows:
        total.update(orjson.loads(used))
    return dict(total)
