"""The leases of a call process: taken and beaten in a thread of its own, so that a slow store delays no call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from pbx.store import lease
from pbx.store.database import FAILURES, Database

log = logging.getLogger("pbx-calls")

UNKNOWN_EPOCH = 0
"""Of a tenant that is served without a lease, because the store could not be asked since this process started."""


class LeaseHolder:
    """`tenants` are those of the model that is served, `owned` those of them that the owner table gives to us; `tell`
    gets what may be served, tenant → epoch.

    Calls do not wait for the store: while it cannot be asked, what is held stays held, and what the owner table gives
    us is served (nobody else can have taken it, as the store cannot be asked)."""

    def __init__(
        self,
        holder: str,
        connect: Callable[[], Database],
        *,
        tenants: Callable[[], set[str]],
        owned: Callable[[], set[str]],
        tell: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._holder = holder
        self._connect = connect
        self._tenants = tenants
        self._owned = owned
        self._tell = tell
        self._db: Database | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
        self._epochs: dict[str, int] = {}
        self._silent = False

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
            try:
                self._epochs = self._held(claim)
                if self._silent:
                    log.warning("the store answers again")
                self._silent = False
            except FAILURES as error:
                if not self._silent:
                    log.error("the store cannot be asked for leases, calls go on: %s", error)
                self._silent = True
                kept = {tenant: epoch for tenant, epoch in self._epochs.items() if tenant in self._tenants()}
                self._epochs = dict.fromkeys(self._owned(), UNKNOWN_EPOCH) | kept
            self._tell(self._epochs)

    def _held(self, claim: bool) -> dict[str, int]:
        if self._db is None:
            self._db = self._connect()
        now, tenants, owned = self._db.now(), self._tenants(), self._owned()
        held = {tenant: epoch for tenant, epoch in self._epochs.items() if tenant in tenants and epoch != UNKNOWN_EPOCH}
        for tenant in lease.beat(self._db, held, holder=self._holder, now=now):
            log.error("the lease of %s is lost: it is served elsewhere", tenant)
            del held[tenant]
        free = sorted(owned - set(held))
        return held | lease.take(self._db, free, holder=self._holder, now=now, claim=owned if claim else ())

    def _beat(self) -> None:
        while not self._stop.wait(lease.BEAT):
            try:
                self.renew()
            except Exception:
                log.exception("no beat")
