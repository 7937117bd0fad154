"""Paging: one speaks, and every telephone that answers hears it, until the one has hung up or time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pbx.calls import events
from pbx.calls.dialling import best
from pbx.calls.leg import Branch, CalleeLeg, NotAcceptable, Outcome
from pbx.routing.reason import Reason

if TYPE_CHECKING:
    from pbx.calls.call import Call


class Paging:
    """One announcement. Nobody of those who listen is heard: neither by the caller, nor by each other."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._room = f"page-{call.record.id}"
        self._opens = asyncio.Lock()
        self._is_open = False  # the caller is answered, and in the room
        self._may_speak = False  # somebody listens, and the caller was told so
        self.heard_by: list[CalleeLeg] = []  # all that answered, in order

    async def speak(self, branches: Sequence[Branch], *, rings: float, lasts: float) -> Outcome:
        """Ring all at once, each for `rings` seconds; the caller is answered with the first that answers. Returns when
        all have hung up or `lasts` seconds are over, and at once when nobody answered: with the best final answer."""
        self._call.connections.forks(len(branches))
        listening = [asyncio.ensure_future(self._listen(branch, rings)) for branch in branches]
        try:
            await asyncio.wait(listening, timeout=lasts)
        finally:
            for one in listening:
                one.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
        done = [one for one in listening if not one.cancelled()]
        if broken := next((error for one in done if (error := one.exception()) is not None), None):
            raise broken
        return Outcome(200) if self.heard_by else best([one.result() for one in done])

    async def _listen(self, branch: Branch, rings: float) -> Outcome:
        """One telephone, from the first ring until it is out of it."""
        call = self._call
        leg = await call.connections.place(branch.attempts[0], branch.caller_id)
        entry = call.happened.rung(leg, call.moment())
        leg.on_ringing = call.ring
        outcome = Outcome(408)
        try:
            await asyncio.wait({leg.outcome}, timeout=rings)
            if leg.outcome.done():
                outcome = leg.outcome.result()
                call.happened.ended(entry, outcome.status, call.moment())
            if outcome.status == 200:
                await self._let_in(leg)
                await asyncio.wait({leg.gone})
        except NotAcceptable as error:
            outcome = Outcome(488)
            call.note(Reason("leg_unusable", leg=leg.label, error=str(error)))
        finally:
            leg.on_ringing = None
            if not leg.outcome.done():
                leg.cancel(elsewhere=False)
            elif leg.outcome.result().status == 200:
                leg.hang_up()
            call.tell("leg.ended", **events.about(leg), status=outcome.status if leg.outcome.done() else 487)
            await call.connections.release(leg)
        return outcome

    async def _let_in(self, leg: CalleeLeg) -> None:
        call, connections = self._call, self._call.connections
        async with self._opens:
            if not self._is_open:
                await call.answer()
                await connections.enter_room(call.caller, self._room)
                self._is_open = True
        await connections.attend_beside(leg)
        await connections.enter_room(leg, self._room, muted=True)
        self.heard_by.append(leg)
        if not self._may_speak:
            self._may_speak = True
            await call.beep()
