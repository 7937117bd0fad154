"""The leases of a call process: taken and beaten in a thread of its own, so that a slow store delays no call."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from pbx.store import lease
from pbx.store.database import FAILURES, Database
from pbx.store.node import are_siblings

log = logging.getLogger("pbx-calls")

UNKNOWN_EPOCH = 0
"""Of a tenant that is served without a lease, because the store could not be asked since this process started."""

LACKING = 0.1  # seconds between two beats of a process that waits for a tenant of its own: nobody else serves it then
DEAD_AFTER = lease.DEAD_AFTER / 1000  # seconds without a beat after which others take over


def since_boot() -> float:
    """Seconds, also of a machine that was paused."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseHolder:
    """`tenants` are those of the model that is served, `owned` those of them that the owner table gives to us; `tell`
    gets what may be served, tenant → epoch.

    Calls do not wait for the store: while it cannot be asked, what is held stays held, and what the owner table gives
    us is served (nobody else can have taken it, as the store cannot be asked).

    A lease that another process let expire is taken only when this one has beaten for a while: after an outage of the
    store, or a stop of the whole machine, the living have their turn first. With `took` so are the tenants that others
    own, when their process is dead; they are given back to one that lives again, each as soon as `is_idle`. `took`
    hears of each tenant that another process had: tenant → that process, "" for one that lives.

    `siblings` are tenants that other processes of this host own, and which: one that is held here, as an apply has just
    moved it, is given to its owner in the same way, once it is idle.

    `is_dead` is called, and must not return to work, when others took this process for dead: it did not beat for
    DEAD_AFTER, and a lease of it has another holder.
    """

    def __init__(
        self,
        holder: str,
        connect: Callable[[], Database],
        *,
        tenants: Callable[[], set[str]],
        owned: Callable[[], set[str]],
        siblings: Callable[[], Mapping[str, str]] = dict,
        tell: Callable[[Mapping[str, int]], None],
        took: Callable[[Mapping[str, str]], None] | None = None,
        is_idle: Callable[[str], bool] = lambda tenant: True,
        is_dead: Callable[[set[str]], None] = lambda lost: None,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self._holder = holder
        self.node = lease.node_of(holder)
        self._connect = connect
        self._tenants = tenants
        self._owned = owned
        self._siblings = siblings
        self._tell = tell
        self._took = took
        self._is_idle = is_idle
        self._is_dead = is_dead
        self._clock = clock
        self._db: Database | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
        self._epochs: dict[str, int] = {}
        self._silent = False
        self._beaten = clock()  # when the last beat began that reached the store
        self._steady = clock()  # since when each beat has reached it
        self._news: dict[str, str] = {}  # of this beat, for `took`
        self.taken: dict[str, str] = {}  # tenants of other processes that are served here, and whose they are

    @property
    def reaches_store(self) -> bool:
        """The last beat did."""
        return not self._silent

    def start(self) -> None:
        self.renew()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2)
        if self._db is not None:
            self._db.close()

    def renew(self, *, claim: bool = False) -> None:
        """One beat: renew what is held, take what is free, and tell what may be served. With `claim`, an apply has just
        said what is ours: it is taken from whoever has it."""
        with self._lock:
            began, self._news = self._clock(), {}
            try:
                self._epochs = self._held(claim)
                if self._silent or began - self._beaten >= DEAD_AFTER:
                    self._steady = began
                if self._silent:
                    log.warning("the store answers again")
                self._silent, self._beaten = False, began
            except FAILURES as error:
                if not self._silent:
                    log.error("the store cannot be asked for leases, calls go on: %s", error)
                self._silent = True
                kept = {tenant: epoch for tenant, epoch in self._epochs.items() if tenant in self._tenants()}
                self._epochs = dict.fromkeys(self._owned(), UNKNOWN_EPOCH) | kept
            self._tell(self._epochs)
            if self._news and self._took is not None:
                self._took(self._news)

    def _held(self, claim: bool) -> dict[str, int]:
        if self._db is None:
            self._db = self._connect()
        db, now, tenants, owned = self._db, self._db.now(), self._tenants(), self._owned()
        held = {tenant: epoch for tenant, epoch in self._epochs.items() if tenant in tenants and epoch != UNKNOWN_EPOCH}
        lost = lease.beat(db, held, holder=self._holder, now=now)
        if lost and self._clock() - self._beaten >= DEAD_AFTER:
            self._is_dead(lost)
        for tenant in lost:
            log.error("the lease of %s is lost: it is served elsewhere", tenant)
            del held[tenant]
        steady = self._is_steady()
        dead = lease.of_the_dead(db, self.node, now=now) if steady else {}
        free = sorted(owned - set(held))
        claimed = owned - self._at_siblings(db, free, now) if claim else ()
        held |= self._take(db, free, now, dead, claim=claimed, expired=steady)
        if self._took is not None:
            others = {**self.taken, **self._siblings()}
            self.taken = {tenant: node for tenant, node in others.items() if tenant in held and tenant not in owned}
            self._give_back(db, held, now)
            self._take_over(db, held, now, {tenant: node for tenant, node in dead.items() if tenant in tenants})
        return held

    def _take(
        self,
        db: Database,
        tenants: list[str],
        now: int,
        dead: Mapping[str, str],
        *,
        claim: Collection[str] = (),
        expired: bool = True,
    ) -> dict[str, int]:
        before = lease.holders(db, tenants) if tenants else {}
        taken = lease.take(db, tenants, holder=self._holder, now=now, claim=claim, expired=expired)
        for tenant in taken:
            node, _, start = before.get(tenant, self._holder).partition("/")
            if node != self.node or start == lease.GIVEN_BACK:
                self._news[tenant] = dead.get(tenant, "")
        return taken

    def _at_siblings(self, db: Database, tenants: list[str], now: int) -> set[str]:
        """Those that another process of this host has and gives to us by itself: it may have calls of theirs."""
        alive = lease.living(db, now=now)
        nodes = {tenant: lease.node_of(holder) for tenant, holder in lease.holders(db, tenants).items()}
        return {
            tenant
            for tenant, node in nodes.items()
            if node != self.node and node in alive and are_siblings(node, self.node)
        }

    def _is_steady(self) -> bool:
        """Neither the store nor this process was away for so long that the living may not have had their turn yet."""
        now = self._clock()
        return not self._silent and now - self._beaten < DEAD_AFTER <= now - self._steady

    def _take_over(self, db: Database, held: dict[str, int], now: int, dead: Mapping[str, str]) -> None:
        for tenant, epoch in self._take(db, sorted(set(dead) - set(held)), now, dead).items():
            log.warning("%s is served here from now on: %s is dead", tenant, dead[tenant])
            held[tenant], self.taken[tenant] = epoch, dead[tenant]

    def _give_back(self, db: Database, held: dict[str, int], now: int) -> None:
        idle = {tenant: node for tenant, node in self.taken.items() if self._is_idle(tenant)}
        alive = lease.living(db, now=now) if idle else set()
        for tenant, node in idle.items():
            if node in alive:
                log.warning("%s is left to %s, which lives", tenant, node)
                lease.give_back(db, tenant, held.pop(tenant), holder=self._holder, to=node)
                del self.taken[tenant]

    def _beat(self) -> None:
        while not self._stop.wait(LACKING if self._owned() - set(self._epochs) else lease.BEAT):
            try:
                self.renew()
            except Exception:
                log.exception("no beat")
