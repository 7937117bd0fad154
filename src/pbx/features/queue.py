"""A queue: greeting, music, agents one after another or at once until one answers (behaviour R04)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from pbx.calls.call import Call
from pbx.calls.leg import CalleeLeg
from pbx.features.user import as_set, branches_of
from pbx.model.objects import Destination
from pbx.model.services import Queue
from pbx.routing import queueing
from pbx.routing.queueing import Agent
from pbx.routing.reason import Reason

POSITION = "system-queue-position"
BREATH = 5.0  # seconds between two rounds over agents of whom none answered


async def queue(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    entry = call.tenant.services.queues[to.value]
    way = await wait_in(call, entry, within=None)
    if way is None:
        return None
    call.took("queues", entry.id, way)
    out: Destination = getattr(entry, way)
    call.note(Reason("queue_left", queue=entry.id, to=out))
    return out


async def wait_in(call: Call, entry: Queue, *, within: float | None) -> str | None:
    """Wait until an agent answers, then talk until the end: None. Else why not, as the key of where the call goes on.

    `within` caps the wait, in seconds.
    """
    limit = min(entry.max_wait, within) if within is not None else entry.max_wait
    if call.state.waiting(entry) >= entry.max_length:
        call.note(Reason("queue_full", queue=entry.id, length=entry.max_length))
        return "on_full"
    if _is_empty(call, entry):
        return "on_empty"
    await call.answer()
    if entry.greeting is not None:
        await call.play(entry.greeting)
    waiting = asyncio.ensure_future(_pass_the_time(call, entry))
    try:
        answered = await _Round(call, entry, limit).answer()
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})
    if answered is not None:
        await call.bridge(*answered)
        return None
    if _is_empty(call, entry):
        return "on_empty"
    call.note(Reason("queue_timeout", queue=entry.id, seconds=limit))
    return "on_timeout"


def _is_empty(call: Call, entry: Queue) -> bool:
    if is_empty := queueing.is_empty(call.state.agents(entry)):
        call.note(Reason("queue_empty", queue=entry.id))
    return is_empty


async def _pass_the_time(call: Call, entry: Queue) -> None:
    """What a caller who waits hears: music, and now and then the position."""
    while True:
        await call.hear(entry.music, within=entry.announce_position)
        await call.play(POSITION, values={"position": str(call.state.waiting(entry) + 1)})


@dataclass(slots=True)
class _Round:
    """The agents who have been offered this call: in this round, in all, and in vain."""

    call: Call
    entry: Queue
    limit: float  # seconds
    asked: set[str] = field(default_factory=set)
    missed: Counter[str] = field(default_factory=Counter)
    last: str | None = None
    told: set[Reason] = field(default_factory=set)  # why somebody is passed over is said once

    async def answer(self) -> tuple[CalleeLeg, str] | None:
        """Offer the call, round after round, until an agent answers: the leg and its node; None when time is up."""
        call, entry, clock = self.call, self.entry, asyncio.get_running_loop().time
        deadline = clock() + self.limit
        random = Random(f"{call.record.id} {call.record.started}")
        while (left := deadline - clock()) > 0:
            agents = self._agents()
            if queueing.is_empty(agents):
                return None
            offer = queueing.offer(
                call.tenant, entry, agents, call.language, asked=self.asked, last=self.last, random=random
            )
            self._say(offer.reasons)
            if offer.agents:
                if (answered := await self._ring(offer.agents, min(left, entry.agent_ring_timeout))) is not None:
                    return answered
            elif self.asked:
                self.asked.clear()
                await asyncio.sleep(min(left, BREATH))
            else:
                await call.state.changed(entry, within=left)
        return None

    def _agents(self) -> list[Agent]:
        """Whoever let too many offers ring is paused."""
        return [
            replace(agent, state="paused")
            if agent.state == "free" and self.missed[agent.id] >= self.entry.autopause_after
            else agent
            for agent in self.call.state.agents(self.entry)
        ]

    async def _ring(self, agents: Sequence[str], within: float) -> tuple[CalleeLeg, str] | None:
        call = self.call
        branches = [branch for name in agents for branch in branches_of(call, as_set(call, name))]
        _, leg = await call.dial(branches, within=within, tone=False)
        self.asked.update(agents)
        self.last = agents[-1]
        if leg is not None:
            return leg, next((one.node for one in branches if leg.target in one.attempts), branches[0].node)
        for name in agents:
            self.missed[name] += 1
            if self.missed[name] == self.entry.autopause_after:
                call.note(Reason("agent_autopaused", queue=self.entry.id, user=name, offers=self.missed[name]))
        return None

    def _say(self, reasons: Sequence[Reason]) -> None:
        for reason in reasons:
            if reason not in self.told or reason.code == "queue_offers":
                self.told.add(reason)
                self.call.note(reason)
