"""Leases: a process serves a tenant only while it holds the tenant's lease (contracts: epoch, beats of 1 s, 3 missed).

Who should serve a tenant is the owner table's business, which apply writes. A start of a process takes the leases of
its own tenants that are free, expired or its own; a process that is told of a tenant by an apply claims it, also from a
holder that lives. A holder that finds itself replaced stops. Besides, each process beats for itself, under a name that
no tenant has: whose beats are missing is dead, and others take its tenants over; they are given back when it lives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pbx.store.database import Database
from pbx.store.node import are_siblings

BEAT = 1.0  # seconds
MISSED_BEATS = 3
DEAD_AFTER = int(MISSED_BEATS * BEAT * 1000)  # ms

GIVEN_BACK = "given back"  # in place of a start: another process has just left the tenant to this one
_PROCESS = "@"  # before the name of a process, where a tenant would stand


def node_of(holder: str) -> str:
    """The process of a holder, which is `process/start`."""
    return holder.partition("/")[0]


def take(
    db: Database,
    tenants: Iterable[str],
    *,
    holder: str,
    now: int,
    claim: Collection[str] = (),
    expired: bool = True,
) -> dict[str, int]:
    """Take the leases that can be had for `holder`; tenant → epoch. `now` in ms. A new epoch each time it is taken.
    Those to `claim` can be had from a holder that lives, too; without `expired` those of others only so."""
    taken = {}
    stale = now - DEAD_AFTER if expired else -1
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
                    "stale": now if tenant in claim else stale,
                    "own": f"{node_of(holder)}/%",
                },
            ).fetchone()
            if row is not None:
                taken[tenant] = int(row[0])
    return taken


def beat(db: Database, epochs: Mapping[str, int], *, holder: str, now: int) -> set[str]:
    """Renew, and say that this process lives; returns the tenants whose lease is lost (another epoch stands there)."""
    lost = set()
    with db.transaction():
        for tenant, epoch in epochs.items():
            changed = db.execute(
                "UPDATE lease SET beat = :now WHERE tenant = :tenant AND holder = :holder AND epoch = :epoch",
                {"now": now, "tenant": tenant, "holder": holder, "epoch": epoch},
            ).rowcount
            if not changed:
                lost.add(tenant)
        db.execute(
            """INSERT INTO lease VALUES (:process, :holder, 1, :now) ON CONFLICT (tenant) DO UPDATE
            SET holder = excluded.holder, beat = excluded.beat""",
            {"process": _PROCESS + node_of(holder), "holder": holder, "now": now},
        )
    return lost


def of_the_dead(db: Database, node: str, *, now: int) -> dict[str, str]:
    """The tenants that `node` may follow in, and the process that had them, which has missed its beats. Another process
    of the dead one's host has its turn first, as it can go on with the calls: it gets as many beats again."""
    rows = db.execute(
        "SELECT tenant, holder, beat FROM lease WHERE beat <= :stale AND tenant NOT LIKE :process",
        {"stale": now - DEAD_AFTER, "process": f"{_PROCESS}%"},
    ).fetchall()
    alive = living(db, now=now) if rows else set()
    found = {}
    for tenant, holder, beat in rows:
        dead = node_of(holder)
        has_turn = are_siblings(node, dead) or beat <= now - 2 * DEAD_AFTER
        if dead not in alive and (has_turn or not any(are_siblings(one, dead) for one in alive)):
            found[tenant] = dead
    return found


def holders(db: Database, tenants: Iterable[str]) -> dict[str, str]:
    """Who has, or had last, the lease of each of these tenants."""
    found = {}
    for tenant in tenants:
        row = db.execute("SELECT holder FROM lease WHERE tenant = :tenant", {"tenant": tenant}).fetchone()
        if row is not None:
            found[tenant] = str(row[0])
    return found


def living(db: Database, *, now: int) -> set[str]:
    """The processes that beat."""
    rows = db.execute(
        "SELECT tenant FROM lease WHERE beat > :stale AND tenant LIKE :process",
        {"stale": now - DEAD_AFTER, "process": f"{_PROCESS}%"},
    ).fetchall()
    return {name.removeprefix(_PROCESS) for (name,) in rows}


def give_back(db: Database, tenant: str, epoch: int, *, holder: str, to: str) -> None:
    """Leave a tenant to the process `to`, which takes it at its next beat, as its own."""
    db.execute(
        "UPDATE lease SET holder = :to, beat = 0 WHERE tenant = :tenant AND holder = :holder AND epoch = :epoch",
        {"to": f"{to}/{GIVEN_BACK}", "tenant": tenant, "holder": holder, "epoch": epoch},
    )
