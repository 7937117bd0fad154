"""Leases: a process serves a tenant only while it holds the tenant's lease (contracts: epoch, beats of 1 s, 3 missed).

Who should serve a tenant is the owner table's business, which apply writes. A start of a process takes the leases of
its own tenants that are free, expired or its own; a process that is told of a tenant by an apply claims it, also from a
holder that lives. A holder that finds itself replaced stops.
"""

from __future__ import annotations

from collections.abc import Iterable

from pbx.store.database import Database

BEAT = 1.0  # seconds
MISSED_BEATS = 3


def take(db: Database, tenants: Iterable[str], *, holder: str, now: int, claim: Iterable[str] = ()) -> dict[str, int]:
    """Take the leases that can be had for `holder`; tenant → epoch. `now` in ms. A new epoch each time it is taken.
    Those to `claim` can be had from a holder that lives, too."""
    taken = {}
    stale = now - int(MISSED_BEATS * BEAT * 1000)
    process, claimed = holder.partition("/")[0], set(claim)
    with db.transaction():
        for tenant in tenants:
            row = db.execute(
                """INSERT INTO lease VALUES (:tenant, :holder, 1, :now) ON CONFLICT (tenant) DO UPDATE
                SET holder = excluded.holder, epoch = lease.epoch + 1, beat = excluded.beat
                WHERE lease.beat <= :stale OR lease.holder LIKE :own RETURNING epoch""",
                {
                    "tenant": tenant,
                    "holder": holder,
                    "now": now,
                    "stale": now if tenant in claimed else stale,
                    "own": f"{process}/%",
                },
            ).fetchone()
            if row is not None:
                taken[tenant] = int(row[0])
    return taken


def beat(db: Database, epochs: dict[str, int], *, holder: str, now: int) -> set[str]:
    """Renew; returns the tenants whose lease is lost (another epoch stands there)."""
    lost = set()
    with db.transaction():
        for tenant, epoch in epochs.items():
            changed = db.execute(
                "UPDATE lease SET beat = :now WHERE tenant = :tenant AND holder = :holder AND epoch = :epoch",
                {"now": now, "tenant": tenant, "holder": holder, "epoch": epoch},
            ).rowcount
            if not changed:
                lost.add(tenant)
    return lost
