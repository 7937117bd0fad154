"""The tenants of a dead process: their calls go on in this one, and the edges are told who serves them now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from pbx.calls.live.exchange import Exchange
from pbx.calls.live.presence import Presence
from pbx.server.config import CallsConfig
from pbx.sip.stack import Stack
from pbx.store import kept_calls
from pbx.store.journal import Journal
from pbx.store.node import are_siblings

log = logging.getLogger("pbx-calls")

TELL_EVERY = 2.0  # seconds; an edge forgets after 10 (its table `holder`)
TELL_FOR = 60.0  # seconds: longer than an edge remembers, and than an apply that moves a tenant needs to come to it


class TakeOver:
    """Kept calls and subscriptions of a dead process are read where both run on one host, from its folders beside
    ours. Of a process on another host nothing is known but its tenants: new calls come here; those that were up are
    silent in signalling until somebody hangs up, and their records end now, as `interrupted`; phones
    subscribe anew when they refresh."""

    def __init__(
        self,
        exchange: Exchange,
        presence: Presence,
        journal: Journal,
        config: CallsConfig,
        held: Callable[[], set[str]],
        now: Callable[[], int],
    ) -> None:
        """`held` are the tenants of others that are served here, `now` the milliseconds of UTC."""
        self._exchange = exchange
        self._presence = presence
        self._journal = journal
        self._journals, self._node = config.journal, config.node
        self._edges = list(config.edges.values())
        self._held = held
        self._now = now
        self._new: dict[str, float] = {}  # those that another process had: until when the edges are told
        self._stack: Stack | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, stack: Stack) -> None:
        self._stack = stack
        self._tell()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def took(self, tenants: Mapping[str, str]) -> None:
        """Tenants that another process had until now: which one, "" for one that lives and has no calls of theirs."""
        until = asyncio.get_running_loop().time() + TELL_FOR
        self._new |= dict.fromkeys(tenants, until)
        for node in sorted(set(tenants.values()) - {""}):
            of_node = {tenant for tenant, its in tenants.items() if its == node}
            try:
                if are_siblings(node, self._node):
                    self._resume(node, of_node)
                else:
                    self._journal.append("lost", {"of": node, "tenants": sorted(of_node), "at": self._now()})
            except OSError as error:
                log.error("the calls of %s cannot be read: %s", node, error)
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _resume(self, node: str, tenants: set[str]) -> None:
        folder = self._journals / f"{node}.up"
        calls = kept_calls.read(folder)
        mine = {key: call for key, call in calls.items() if call.get("record", {}).get("tenant") in tenants}
        if mine:
            kept_calls.take(folder, mine)
            self._journal.append("taken", {"calls": [call["record"] for call in mine.values()]})
            self._exchange.recovery.resume(mine, ours=False)
        folder = self._journals / f"{node}.watch"
        watchers = {key: one for key, one in kept_calls.read(folder).items() if one.get("tenant") in tenants}
        if watchers:
            assert self._stack is not None
            kept_calls.take(folder, watchers)
            self._presence.resume(watchers, self._stack, ours=False)

    # --- the edges --------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        self._new = {tenant: until for tenant, until in self._new.items() if until > loop.time()}
        for tenant in sorted(self._held() | set(self._new)):
            epoch = self._exchange.leases.get(tenant)
            if epoch:
                self._tell_edges(tenant, epoch)
        self._timer = loop.call_later(TELL_EVERY, self._tell)

    def _tell_edges(self, tenant: str, epoch: int) -> None:
        assert self._stack is not None
        for edge in self._edges:
            uri = f"sip:{edge.inside.host_port}"
            self._stack.ask(
                uri=uri,
                destination=edge.inside,
                from_=f"<sip:{self._stack.local.host_port}>",
                headers=[("X-PBX-Holder", f"{tenant} {epoch}")],
                done=lambda status: None,
            )
