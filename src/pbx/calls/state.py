"""What the calls of a tenant share and change: switches, queues and their agents, what a CRM answers, PINs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pbx.calls.mailbox import Mailbox
from pbx.model import pins
from pbx.model.objects import Tenant, Trunk, User
from pbx.model.services import Lookup, Queue, Setting, Voicemail
from pbx.routing.queueing import Agent
from pbx.routing.reason import Reason

PIN = "pin"  # what the owner of a box has set, hashed: a setting of `voicemail/ID`
Fact = str | int | bool


@dataclass(frozen=True, slots=True)
class Found:
    """A conference room as a caller finds it: how many are in, whether one of them moderates, whether it is locked."""

    members: int = 0
    moderated: bool = False
    locked: bool = False


EMPTY = Found()


class TenantState:
    """As a call sees it. This one is of a tenant that has none of it: nothing is on, nobody waits, no CRM answers."""

    mail: Mailbox = Mailbox(lambda: 0)
    overrides: frozenset[str] = frozenset()  # those that are switched on

    def own(self, user: str) -> Mapping[str, Setting]:
        """What a person has set, by key (`routing.own`)."""
        return {}

    def set_own(self, user: str, key: str, value: Any, author: str) -> None:
        """Somebody sets it, from now on; the value is checked."""

    async def last_number(self, person: User, way: str) -> str | None:
        """The number that a person has `dialled` or was `called_by` last, "" when it was hidden, None for none."""
        return None

    def calls_of(self, user: str) -> int:
        """Calls of a person besides those that are known (`House`): what a script says of a simulated one."""
        return 0

    def refused(self, tenant: Tenant, number: str, user: str | None, at: datetime) -> Reason | None:
        """Why one more call may not leave to the outside; when it may, it counts (`routing.limits`)."""
        return None

    def alert(self, what: str) -> None:
        """Somebody has to know at once."""

    def trunk(self, trunk: Trunk) -> str:
        """How a trunk is now: `free`, `full` (all its channels are taken) or `down` (it does not answer OPTIONS)."""
        return "free"

    def switch(self, override: str) -> bool:
        """Turn a switch over; True when it is on now."""
        return False

    def queues(self, tenant: Tenant) -> Mapping[str, str]:
        """The state of each queue, as conditions name it; a queue that is not among them is `free`."""
        return {}

    def waiting(self, queue: Queue) -> int:
        """How many callers wait in a queue."""
        return 0

    def agents(self, queue: Queue) -> Sequence[Agent]:
        """The agents of a queue in its own order."""
        return [Agent(name) for name in queue.agents]

    async def changed(self, queue: Queue, *, within: float) -> None:
        """Until an agent's state may have changed, at most `within` seconds."""
        await asyncio.sleep(within)

    async def look_up(self, lookup: Lookup, caller: str | None) -> Mapping[str, Fact] | None:
        """Ask a CRM about a caller; None when it did not answer in time."""
        return None

    def found(self, conference: str) -> Found:
        """What a caller finds in a room besides those who are known (`House.meetings`): what a script says of it."""
        return EMPTY

    def is_pin(self, secret: str, digits: str) -> bool:
        """Are these the digits of a secret?"""
        return False

    def has_pin(self, box: Voicemail) -> bool:
        return box.first_pin is not None or self._own_pin(box) is not None

    def opens(self, box: Voicemail, digits: str) -> bool:
        """Are these the digits of a box's PIN: its owner's, or else the model's first one?"""
        own = self._own_pin(box)
        if own is not None:
            return pins.is_right(own, digits)
        return box.first_pin is not None and self.is_pin(box.first_pin, digits)

    def _own_pin(self, box: Voicemail) -> str | None:
        own = self.own(f"voicemail/{box.id}").get(PIN)
        return str(own.value) if own is not None and own.value else None


NOTHING = TenantState()
