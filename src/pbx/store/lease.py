"""Leases: a process serves a tenant only while it holds the tenant's lease (contracts: epoch, beats of 1 s, 3 missed).

Taking a lease over from a living holder comes with the second call process; here a start of the process takes the
leases that are free, expired or its own, and a holder that finds itself replaced stops.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from pbx.store import database

BEAT = 1.0  # seconds
MISSED_BEATS = 3


def take(db: sqlite3.Connection, tenants: Iterable[str], *, holder: str, now: int) -> dict[str, int]:
    """Take the leases that can be had for `holder`; tenant → epoch. `now` in ms. A new epoch each time it is taken."""
    taken = {}
    stale = now - int(MISSED_BEATS * BEAT * 1000)
    process = holder.partition("/")[0]
    with database.transaction(db):
        for tenant in tenants:
            row = db.execute(
                """INSERT INTO lease VALUES (:tenant, :holder, 1, :now) ON CONFLICT (tenant) DO UPDATE
                SET holder = :holder, epoch = epoch + 1, beat = :now
                WHERE beat <= :stale OR holder LIKE :own RETURNING epoch""",
                {"tenant": tenant, "holder": holder, "now": now, "stale": stale, "own": f"{process}/%"},
            ).fetchone()
            if row is not None:
                taken[tenant] = int(row[0])
    return taken


def beat(db: sqlite3.Connection, epochs: dict[str, int], *, holder: str, now: int) -> set[str]:
    """Renew; returns the tenants whose lease is lost (another epoch stands there)."""
    lost = set()
    with database.transaction(db):
        for tenant, epoch in epochs.items():
            changed = db.execute(
                "UPDATE lease SET beat = ? WHERE tenant = ? AND holder = ? AND epoch = ?", (now, tenant, holder, epoch)
            ).rowcount
            if not changed:
                lost.add(tenant)
    return lost
