"""What a simulated tenant shares, as a script tells it: switches, callers who wait, agents, a CRM, PINs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pbx.calls.mailbox import Mailbox
from pbx.calls.state import EMPTY, Fact, Found, TenantState
from pbx.model.call_tests import AgentIs, QueueIs
from pbx.model.objects import Tenant, Trunk, User
from pbx.model.services import Lookup, Queue, Setting
from pbx.routing.limits import Outgoing
from pbx.routing.queueing import Agent, state_of
from pbx.routing.reason import Reason

CRM_ANSWERS = 0.2  # seconds; a lookup that allows less gets no answer


@dataclass(frozen=True, slots=True)
class StateScript:
    """`crm` is what any CRM answers by fact, None: it does not answer. `pins` are digits by the name of the secret;
    without any of them all digits are right for a member. `trunks` are those that cannot be used."""

    overrides: tuple[str, ...] = ()
    queues: Mapping[str, QueueIs] = field(default_factory=dict)
    crm: Mapping[str, Fact] | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    trunks: Mapping[str, str] = field(default_factory=dict)  # by id or key; `full` or `down`
    calls: Mapping[str, int] = field(default_factory=dict)  # how many calls a user has when this one comes
    left: Sequence[tuple[str, str]] = ()  # calls of this minute to the outside: who made them, and the number
    limited: Mapping[str, str] = field(default_factory=dict)  # numbers that no call may leave to, and why
    own: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)  # by user and key
    rooms: Mapping[str, Found] = field(default_factory=dict)  # conference rooms where somebody is in
    last_numbers: Mapping[str, str | None] = field(default_factory=dict)  # of who calls: `dialled`, `called_by`


class ScriptedState(TenantState):
    """One simulated call's tenant. Times are seconds of the virtual loop, which starts at 0."""

    def __init__(self, script: StateScript, now: Callable[[], int] = lambda: 0) -> None:
        self.mail = Mailbox(now)
        self.overrides = frozenset(script.overrides)
        self._script = script
        self._outgoing = Outgoing()
        self._left = script.left
        self._own = {user: dict(settings) for user, settings in script.own.items()}

    def calls_of(self, user: str) -> int:
        return self._script.calls.get(user, 0)

    def refused(self, tenant: Tenant, number: str, user: str | None, at: datetime) -> Reason | None:
        if number in self._script.limited:
            return Reason("limit_recorded", why=self._script.limited[number])
        for who, called in self._left:
            self._outgoing.refused(tenant, called, who, at)
        self._left = ()
        return self._outgoing.refused(tenant, number, user, at)

    async def last_number(self, person: User, way: str) -> str | None:
        return self._script.last_numbers.get(way)

    def own(self, user: str) -> Mapping[str, Setting]:
        return self._own.get(user, {})

    def set_own(self, user: str, key: str, value: Any, author: str) -> None:
        self._own.setdefault(user, {})[key] = Setting(value, author, 0)

    def trunk(self, trunk: Trunk) -> str:
        return self._script.trunks.get(trunk.id) or self._script.trunks.get(trunk.key) or "free"

    def switch(self, override: str) -> bool:
        self.overrides = self.overrides ^ {override}
        return override in self.overrides

    def queues(self, tenant: Tenant) -> Mapping[str, str]:
        return {
            name: state_of(queue, self.agents(queue), self.waiting(queue))
            for name, queue in tenant.services.queues.items()
        }

    def waiting(self, queue: Queue) -> int:
        return self._of(queue).waiting

    def agents(self, queue: Queue) -> Sequence[Agent]:
        now, scripts = asyncio.get_running_loop().time(), self._of(queue).agents
        return [Agent(name, _state(scripts.get(name), now)) for name in queue.agents]

    async def changed(self, queue: Queue, *, within: float) -> None:
        now = asyncio.get_running_loop().time()
        ends = [one.until - now for one in self._of(queue).agents.values() if one.until is not None and one.until > now]
        await asyncio.sleep(min([within, *ends]))

    async def look_up(self, lookup: Lookup, caller: str | None) -> Mapping[str, Fact] | None:
        if self._script.crm is None or lookup.timeout < CRM_ANSWERS:
            await asyncio.sleep(lookup.timeout)
            return None
        await asyncio.sleep(CRM_ANSWERS)
        return self._script.crm

    def found(self, conference: str) -> Found:
        return self._script.rooms.get(conference, EMPTY)

    def is_pin(self, secret: str, digits: str) -> bool:
        pins = self._script.pins
        return digits == pins[secret] if secret in pins else bool(digits) and not pins

    def _of(self, queue: Queue) -> QueueIs:
        return self._script.queues.get(queue.id, _QUIET)


_QUIET = QueueIs()


def _state(script: AgentIs | None, now: float) -> str:
    if script is None or (script.until is not None and now >= script.until):
        return "free"
    return script.state
