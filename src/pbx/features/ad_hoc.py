"""An ad hoc conference: one of two who talk calls a third, and all talk with each other (behaviour R14).

Whoever asks (`in_call_conference` or the API) is the caller from then on and moderates: it has the keys of a room's
moderator but for the door, and when it hangs up the conference is over for all. While the third rings the other one
hears music; `*` gives up. When only two are left they talk as before, straight through the relay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pbx.calls import events
from pbx.calls.call import Call
from pbx.calls.hearing import MUSIC, Ears
from pbx.calls.leg import Audio, Branch, CalleeLeg, CallerId, CallerLeg, Leg, NotAcceptable, Outcome, Wish
from pbx.calls.meeting import Meeting, Member
from pbx.calls.onward import refused, rejoin, turn_to, who
from pbx.features.click_to_call import RING_TIME
from pbx.features.in_room import NOT_DONE, OPENS, Keys, stay
from pbx.features.invitation import telephones
from pbx.features.user import BUSY
from pbx.model.objects import Destination, User
from pbx.model.services import Conference
from pbx.routing import decide, outbound
from pbx.routing.reason import Reason

MOST = 10  # who talk in one
IS_BUSY, NO_ANSWER, BARRED = "system-third-busy", "system-third-no-answer", "system-barred"
MENU = "system-ad-hoc-menu"
SENT_OUT, OVER = "system-conference-kicked", "system-conference-over"
GIVEN_UP = Outcome(487)


async def third_called(call: Call, wish: Wish) -> Destination | None:
    """One of two who talk calls a third in."""
    person, _ = who(call, wish.by)
    joined = call.connections.joined
    assert joined is not None
    if person is None:
        return await refused(call, wish, 403)
    decision = decide.dialled(call.tenant, wish.digits)
    call.note(Reason("third_called", leg=wish.by.label, digits=wish.digits), *decision.reasons)
    why = _barred(call, person, decision.to)
    if why and not wish.typed:
        return await refused(call, wish, why)
    wish.accept()
    other = turn_to(call, joined if wish.by is call.caller else call.caller)
    call.dialler = person
    await call.connections.part()
    if why:
        return await _back(call, other, BARRED if why == 403 else NO_ANSWER)
    try:
        await call.connections.mix(other)
    except NotAcceptable as error:
        call.note(Reason("leg_unusable", leg=other.label, error=str(error)))
        return await _back(call, other, NO_ANSWER)
    call.connections.keep_now()
    outcome, third = await _rung(call, other, telephones(call, decision.to, person, _shown(person)))
    if third is None:
        call.note(Reason("third_failed", digits=wish.digits, status=outcome.status))
        return await _back(call, other, _told(outcome))
    if not await _takes(call, third):
        return await _back(call, other, NO_ANSWER)
    call.enter(decision.to)
    return await Mix(call).talk()


def _barred(call: Call, person: User, to: Destination) -> int:
    """Why a number may not be called in, as a status; 0 when it may."""
    if to.kind == "user":
        return 482 if call.is_with(to.value) else 0
    if to.kind != "outside":
        return 404
    barred = outbound.barred(call.tenant, person.class_of_service, to.value, person.caller_id)
    if barred is not None:
        call.note(barred)
    return 403 if barred is not None else 0


def _shown(person: User) -> CallerId:
    return CallerId(person.extension or person.caller_id, person.name)


def _told(outcome: Outcome) -> str:
    if outcome is GIVEN_UP:
        return ""
    return IS_BUSY if outcome.status in BUSY else NO_ANSWER


async def _rung(call: Call, other: CalleeLeg, branches: Sequence[Branch]) -> tuple[Outcome, CalleeLeg | None]:
    """Ring the third, until it answers, or the caller types a star; the other one hears music."""
    if not branches:
        return Outcome(486), None  # one who talks, or does not want to be disturbed
    music = asyncio.ensure_future(call.connections.play(other, [Audio(tone=MUSIC)], loop=True))
    ringing = asyncio.ensure_future(call.dial(branches, within=RING_TIME))
    stars = asyncio.ensure_future(_star(call.caller))
    try:
        call.connections.expect(call.caller)
        await asyncio.wait({ringing, stars}, return_when=asyncio.FIRST_COMPLETED)
        return ringing.result() if ringing.done() else (GIVEN_UP, None)
    finally:
        for task in (music, stars, ringing):
            task.cancel()
        await asyncio.gather(music, stars, ringing, return_exceptions=True)
        await call.connections.stop(other)


async def _star(leg: Leg) -> None:
    while await leg.digits.get() != OPENS:
        continue


async def _takes(call: Call, third: CalleeLeg) -> bool:
    """Let whoever answered hear the engine; False when it is of no use, and hung up."""
    try:
        await call.connections.mix(third)
    except NotAcceptable as error:
        call.note(Reason("leg_unusable", leg=third.label, error=str(error)))
        third.hang_up()
        await call.connections.release(third)
        return False
    call.connections.keep_now()
    return True


async def _back(call: Call, other: CalleeLeg, prompt: str) -> Destination | None:
    """The two talk as before; one who has hung up meanwhile ends the call."""
    if prompt:
        await call.play(prompt)
    if other.gone.done():
        call.record.hung_up_by = "callee"
        return None
    await rejoin(call, other)
    return None


async def mixed_again(call: Call) -> Destination | None:
    """The process was killed while they talked, or while the third rang."""
    if call.happened.mix() is not None:
        return await Mix(call).talk()
    (other,) = call.connections.mixed
    return await _back(call, other, "")


class Mix:
    """The conference of one call: its caller, who moderates, and the others, at the engine."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._entry = call.happened.mix()
        self._meeting = Meeting(Conference(call.record.id, ""), f"{call.tenant.id}/call/{call.record.id}")
        self._keys = Keys(self._call_in, MENU, has_door=False)
        self._members: list[Member] = []  # also those who have gone
        self._staying: dict[asyncio.Future[Any], Member] = {}
        self._ringing: asyncio.Future[None] | None = None
        self._news = asyncio.Event()  # somebody has come, or is rung

    async def talk(self) -> Destination | None:
        """Until at most two are left; these talk on as any two do."""
        call = self._call
        async with self._heard_of_all():
            await self._begin()
            while len(self._others) > 1 or (self._others and (self._ringing is not None or self._is_over)):
                await self._next()
        others = self._others
        if not others:
            call.record.hung_up_by = "caller" if self._is_over else "callee"
            return None
        call.note(Reason("mix_over", leg=others[0].label))
        await rejoin(call, others[0])
        return None

    @property
    def _is_over(self) -> bool:
        """The moderator has ended it for all, who are told so."""
        return any(member.is_over for member in self._members)

    @property
    def _others(self) -> list[CalleeLeg]:
        return list(self._call.connections.mixed)

    @contextlib.asynccontextmanager
    async def _heard_of_all(self) -> AsyncIterator[None]:
        """What its members do is heard of, until it is over for whatever reason."""
        call = self._call
        call.connections.on_speaks, call.on_held = self._speaks, self._holds
        call.connections.on_wish = self._wishes
        try:
            yield
        finally:
            call.connections.on_speaks = call.connections.on_wish = call.on_held = None
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for entry in (member.entry for member in self._meeting.members):
                call.happened.leaves(entry, call.moment())
            if self._entry is not None:
                call.happened.leaves(self._entry, call.moment())

    @property
    def _tasks(self) -> list[asyncio.Future[Any]]:
        return [*self._staying, *([self._ringing] if self._ringing is not None else [])]

    async def _begin(self) -> None:
        """All who are there hear each other. Said once more after the process was killed."""
        call, legs = self._call, [self._call.caller, *self._others]
        known = self._entry
        entry = self._entry = known or call.happened.mixes(call.caller.label, call.moment())
        there = [one for one in entry["members"] if "after" not in one] if known is not None else []
        entries = [*there, *(self._entry_of(leg) for leg in legs[len(there) :])]
        members = [(leg, self._member(leg, one)) for leg, one in zip(legs, entries, strict=False)]
        for _, member in members:
            member.is_in, member.tone = True, "" if known is not None else "joined"
        for leg, member in members:
            await self._meeting.let_hear(member)
            while known is None and not leg.digits.empty():  # the end of the code
                leg.digits.get_nowait()
            self._stays(leg, member)
        if known is None:
            call.note(Reason("mixed", legs=", ".join(leg.label for leg in legs)))
            for leg, member in members:
                self._tell("conference.joined", leg, member)
        call.connections.keep_now()

    def _entry_of(self, leg: CallerLeg) -> dict[str, Any]:
        call = self._call
        assert self._entry is not None
        return call.happened.joins_mix(self._entry, leg.label, leg is call.caller, call.moment())

    def _member(self, leg: CallerLeg, entry: dict[str, Any]) -> Member:
        member = Member(self._call, entry, Ears(self._call, leg))
        member.held = leg.tag in self._call.held_by
        self._meeting.add(member)
        self._members.append(member)
        return member

    def _stays(self, leg: CallerLeg, member: Member) -> None:
        self._staying[asyncio.ensure_future(self._stay(leg, member))] = member

    async def _stay(self, leg: CallerLeg, member: Member) -> None:
        """One of them, until it has hung up or is sent out. When the caller hangs up the whole call is cancelled."""
        call = self._call
        staying = asyncio.ensure_future(stay(member.ears, self._meeting, member, self._keys))
        waits: set[asyncio.Future[Any]] = {staying, leg.gone}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if staying.done():
                staying.result()
        finally:
            staying.cancel()
            await asyncio.gather(staying, return_exceptions=True)
        if member.sent_out and not leg.gone.done():
            if not member.is_over:
                call.note(Reason("mix_sent_out", leg=leg.label))
            await member.ears.play(OVER if member.is_over else SENT_OUT)
        self._meeting.remove(member)
        call.happened.leaves(member.entry, call.moment())
        self._tell("conference.left", leg, member)
        if isinstance(leg, CalleeLeg):
            leg.hang_up()
            await call.connections.release(leg)

    async def _next(self) -> None:
        """Until somebody has come or gone, or a call to one more is over."""
        self._news.clear()
        news = asyncio.ensure_future(self._news.wait())
        try:
            done, _ = await asyncio.wait([*self._tasks, news], return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        for one in done - {news}:
            if one is self._ringing:
                self._ringing = None
            else:
                del self._staying[one]
            one.result()

    # --- what the moderator and the telephones do ---------------------------------------------------------------------

    async def _call_in(self, member: Member, digits: str) -> bool:
        return self._rings(member, digits)

    def _rings(self, by: Member, digits: str) -> bool:
        """One more is rung, as the caller may dial; False when nobody is."""
        call = self._call
        person = call.user
        if person is None or self._ringing is not None or len(self._meeting.members) >= MOST:
            return False
        decision = decide.dialled(call.tenant, digits)
        call.note(Reason("third_called", leg=call.caller.label, digits=digits), *decision.reasons)
        if _barred(call, person, decision.to):
            return False
        branches = telephones(call, decision.to, person, _shown(person))
        if branches:
            self._ringing = asyncio.ensure_future(self._ring(by, decision.to, branches))
            self._news.set()
        return bool(branches)

    def _wishes(self, wish: Wish) -> None:
        """By the API; a REFER is refused: nobody of several can be sent on."""
        by = next((one for one in self._meeting.members if one.ears.caller is wish.by and one.moderates), None)
        if wish.third and by is not None and self._rings(by, wish.digits):
            wish.accept()
        else:
            wish.reject(491)

    async def _ring(self, by: Member, to: Destination, branches: Sequence[Branch]) -> None:
        call = self._call
        outcome, leg = await call.dial(branches, within=RING_TIME, tone=False)
        if leg is None or not await _takes(call, leg):
            call.note(Reason("third_failed", digits=to.value, status=outcome.status))
            by.tone = NOT_DONE
            by.news.set()
            return
        call.enter(to)
        member = self._member(leg, self._entry_of(leg))
        self._stays(leg, member)
        self._news.set()
        self._tell("conference.joined", leg, member)

    def _speaks(self, leg: Leg, on: bool) -> None:
        for member in self._meeting.members:
            if member.ears.caller is leg:
                self._meeting.spoke(member, on)

    def _holds(self, tag: str, held: bool) -> None:
        for member in self._meeting.members:
            if member.ears.caller.tag == tag:
                member.holds(held)

    def _tell(self, event: str, leg: CallerLeg, member: Member) -> None:
        about = events.about(leg) if isinstance(leg, CalleeLeg) else {"leg": leg.label, "user": None}
        self._meeting.tell_of(event, member, **about)
