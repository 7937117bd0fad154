"""A scripted world for one call: people who answer, are busy or away, and a caller who types keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pbx.calls.call import Call
from pbx.calls.house import House
from pbx.calls.leg import (
    Audio,
    CalleeLeg,
    CallerId,
    CallerLeg,
    CallTarget,
    Connections,
    DeviceTarget,
    Leg,
    Target,
    TrunkTarget,
    Wish,
)
from pbx.calls.mailbox import RATE
from pbx.calls.record import BY_API, CallRecord
from pbx.calls.recording import ON, Tape
from pbx.calls.simulated import clock
from pbx.calls.simulated.second_call import consult
from pbx.calls.simulated.state import ScriptedState, StateScript
from pbx.model.objects import Tenant
from pbx.routing.decision import Facts
from pbx.routing.reason import Reason
from pbx.speech.recognition.heard import Heard, Vocabulary

PROMPT_SECONDS = 3.0  # how long any prompt lasts in a simulation
TONE_SECONDS = 0.5  # and a tone that is played once
SPEECH = bytes([0x2A, 0xAA]) * 2000  # half a second of A-law, as loud as a voice
SPEAKS_AFTER, UNDERSTOOD_AFTER = 0.5, 1.5  # seconds from a menu's beginning, and from there
PRESSED_FOR = 100  # ms, any key
RANG_AFTER = 0.05  # seconds until whoever is rung says so


@dataclass(frozen=True, slots=True)
class Person:
    """How a device or an outside number behaves when it is rung (lengths in seconds)."""

    answers: float | None = None  # after this time; None: rings for ever
    status: int | None = None  # a final status at once: 486 busy, 603 declined, 480 not registered, 503 …
    reason: str = ""  # its phrase
    talks: float = 10.0  # hangs up after this time; the caller otherwise
    presses: str = ""  # digits typed after the answer
    after: float = 0.01  # when the final status comes
    pressing: float = 1.0  # when they are typed, from the answer
    silent: bool = False  # says nothing at all
    redirect: str = ""  # of a 302: whom it names instead, as dialled
    transfers: str = ""  # sends whom it talks with on, as dialled
    transferring: float = 1.0  # when, from the answer
    leaves: bool = False  # hangs up as soon as the transfer is accepted
    consults: str = ""  # calls this number then, on another line, and joins the two


@dataclass(slots=True)
class Script:
    """What happens: who calls what when, keys of the caller (a comma parts the input of one menu from the next), and
    people by user id, `user-device`, trunk key or number. Nobody named: not registered."""

    at: datetime
    caller: str | None
    dialled: str
    trunk: str | None = None
    keys: str = ""
    people: Mapping[str, Person] = field(default_factory=dict)
    patience: float = 600.0  # the caller hangs up after this time
    over_limit: bool = False  # the tenant has more calls than its max_calls
    hops: int = 0  # how often the call was sent on before it came here
    others: Person = Person(status=480)  # how everybody behaves who is not named
    speaks: float = 10.0  # how long the caller's message is; then it types its next keys, or hangs up
    state: StateScript = field(default_factory=StateScript)
    by_api: bool = False  # the caller is rung first, as the API asks for it
    transfers: str = ""  # the caller sends whom it talks with on, as dialled
    transferring: float = 1.0  # when, from the answer
    spoken: Sequence[str] = ()  # what the caller says at menus that listen, in order; "": it types there
    recogniser: bool = True  # there is one


@dataclass(slots=True)
class Told:
    """What a simulated call did: the record, and each thing that was heard or rung with its second.

    `events` has all of it in order: (second, what, whom or why); what is one of node, why, hears, presses, says,
    answered, refused, rings, answers, fails, stops, records, records_not, transfers, ends.
    """

    record: CallRecord
    facts: Facts  # when the call began, with what was known of the caller at its end
    heard: list[tuple[float, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # the texts of what was heard, where they are written down
    talk: float = 0.0  # seconds that the caller and somebody talked
    rang: list[tuple[float, str]] = field(default_factory=list)
    stopped: list[tuple[float, str]] = field(default_factory=list)
    shown: list[tuple[str, str | None]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)  # answered legs that we sent a BYE
    recorded: list[tuple[float, str, tuple[str, ...]]] = field(default_factory=list)  # second, state, policies
    transfers: list[int] = field(default_factory=list)  # what became of each, in order
    answer: int = 0  # the caller's final status
    events: list[tuple[float, str, str | Reason]] = field(default_factory=list)
    branches: set[tuple[str | int, ...]] = field(default_factory=set)  # places of the model where the call went on

    def event(self, what: str, about: str | Reason = "") -> None:
        self.events.append((asyncio.get_running_loop().time(), what, about))

    def watch(self, what: str, about: object) -> None:
        """See `Call.watch`."""
        if isinstance(about, tuple):
            self.branches.add(about)
        else:
            self.event(what, about if isinstance(about, Reason) else str(about))


class _Caller(CallerLeg):
    def __init__(self, told: Told) -> None:
        super().__init__("A", "caller")
        self._told = told

    def ring(self) -> None:
        if self.state == "new":
            self.state = "ringing"

    def reject(self, status: int, reason: str = "", cause: int | None = None) -> None:
        if self.state != "down":  # only the first final answer goes out
            self._told.answer = status
            self._told.event("refused", f"{status} {reason}".rstrip())
        self.state = "down"

    def hang_up(self) -> None:
        self.state = "down"


class _Callee(CalleeLeg):
    def __init__(self, tag: str, target: Target, person: Person, told: Told, *, left: Leg | None = None) -> None:
        """`left`: who called, in the callee's place."""
        super().__init__(tag, target.label, target)
        self._told = told
        self.person = person
        self._timers: list[asyncio.TimerHandle] = []
        if left is not None:
            self._digits, self.gone = left._digits, left.gone
            self.resolve(200)
            return
        loop = asyncio.get_running_loop()
        if person.silent:
            return
        if person.status is not None:
            self._timers.append(loop.call_later(person.after, self._refuse, person))
            if person.after <= RANG_AFTER:
                return
        self._timers.append(loop.call_later(RANG_AFTER, self.rang))
        if person.answers is not None:
            self._timers.append(loop.call_later(person.answers, self._answer))
            self._timers.append(loop.call_later(person.answers + person.pressing, self._type, person.presses))
            self._timers.append(loop.call_later(person.answers + person.talks, self.end, "bye"))

    def _answer(self) -> None:
        self._told.event("answers", Reason("leg", leg=self.label))
        self.resolve(200)

    def _refuse(self, person: Person) -> None:
        status, reason = person.status or 480, person.reason
        self._told.event("fails", Reason("leg_status", leg=self.label, status=f"{status} {reason}".rstrip()))
        self.resolve(status, reason, person.redirect)

    def _type(self, digits: str) -> None:
        _types(self, digits)

    def cancel(self, *, elsewhere: bool) -> None:
        self._told.stopped.append((asyncio.get_running_loop().time(), self.label))
        self._told.event("stops", Reason("leg", leg=self.label))
        self.resolve(487)
        self.hang_up()

    def hang_up(self) -> None:
        if not self.gone.done() and self.outcome.done() and self.outcome.result().status == 200:
            self._told.hung_up.append(self.label)
        for timer in self._timers:
            timer.cancel()
        self.end("hung_up")


def _types(leg: Leg, digits: str) -> None:
    for digit in digits:
        if leg.on_typed is not None:  # it talks
            leg.on_typed(digit, PRESSED_FOR, True)
        else:
            leg.digits.put_nowait(digit)


class _Seam(_Callee):
    """The caller of another simulated call."""

    def __init__(self, tag: str, target: CallTarget, told: Told) -> None:
        super().__init__(tag, target, Person(silent=True), told)
        self.twin: _Seam | None = None
        self.resolve(200)

    def hang_up(self) -> None:
        if not self.gone.done():
            self.end("hung_up")
            if self.twin is not None:
                self.twin.end("bye")


class _Wish(Wish):
    """A transfer that a person wants; one who `leaves` hangs up once it is accepted."""

    def __init__(self, told: Told, by: Leg, digits: str, leaves: bool = False) -> None:
        self.by, self.digits = by, digits
        self._told, self._leaves = told, leaves

    def accept(self) -> None:
        self._told.event("transfers", self.digits)
        if self._leaves:
            self.by.end("bye")

    def reject(self, status: int) -> None:
        self._told.transfers.append(status)

    def finish(self, status: int) -> None:
        self._told.transfers.append(status)


def _rung(target: Target, caller_id: CallerId) -> Reason:
    if caller_id.number is None or caller_id.hides:
        return Reason("leg_shown_nothing", leg=target.label)
    return Reason("leg_shown", leg=target.label, number=caller_id.number)


class SimulatedConnections(Connections):
    """The world of one simulated call."""

    def __init__(self, script: Script, told: Told) -> None:
        self.caller: CallerLeg = _Caller(told)
        self._script = script
        self._told = told
        self._keys = [part for part in script.keys.split(",") if part]
        self._words = list(script.spoken)
        self._says = ""  # at the menu that listens now
        self._legs: list[_Callee] = []
        self._talks_since: float | None = None
        self._joined: CalleeLeg | None = None
        self._mixed: list[CalleeLeg] = []
        self.on_consult: Callable[[CalleeLeg, Wish], None] = lambda by, wish: None  # somebody asks somebody else first

    async def answer(self) -> None:
        self.caller.state = "up"
        self._told.answer = 200
        self._told.event("answered", Reason("by_pbx"))

    async def open_early(self) -> None:
        self.caller.state = "early"

    async def play(self, leg: Leg, audio: Sequence[Audio], *, loop: bool = False, skip: float = 0.0) -> None:
        if leg is self.caller:
            now = asyncio.get_running_loop().time()
            for item in audio:
                what = item.prompt or item.tone or "silence"
                self._told.heard.append((now, what))
                self._told.event("hears", what)
                if item.text:
                    self._told.said.append(item.text)
        if loop:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(max(0.0, sum(item.silence or self._seconds(item) for item in audio) - skip))

    def _seconds(self, audio: Audio) -> float:
        return TONE_SECONDS if audio.tone else PROMPT_SECONDS

    def expect(self, leg: Leg, *, asked: bool = True, listens: bool = False) -> None:
        self._says = self._words.pop(0) if listens and self._words else ""
        if asked and leg is self.caller and self._keys and not self._says:
            asyncio.get_running_loop().call_later(0.5, self._type, self._keys.pop(0))

    async def listen(self, leg: Leg, vocabulary: Vocabulary, spoke: Callable[[], None]) -> Heard | None:
        if not self._script.recogniser:
            return None
        if not self._says:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(SPEAKS_AFTER)
        self._told.event("says", self._says)
        spoke()
        await asyncio.sleep(UNDERSTOOD_AFTER)
        phrase = vocabulary.phrase(self._says)
        return Heard(phrase, 1.0 if phrase else 0.0, "simulated")

    @property
    def deaf_because(self) -> str:
        return "there is none"

    async def record(self, leg: Leg, write: Callable[[bytes], None]) -> None:
        left = self._script.speaks
        while left > 0:
            await asyncio.sleep(min(left, len(SPEECH) / RATE))
            write(SPEECH[: round(left * RATE)])
            left -= len(SPEECH) / RATE
        if self._keys:
            self._type(self._keys.pop(0))
        else:
            leg.end("bye")

    def _type(self, digits: str) -> None:
        self._told.event("presses", digits)
        _types(self.caller, digits)

    async def stop(self, leg: Leg) -> None: ...

    async def tape(self, tape: Tape) -> str:
        now = tape.state, tuple(tape.policies)
        if now not in [each[1:] for each in self._told.recorded[-1:]]:
            self._told.recorded.append((asyncio.get_running_loop().time(), *now))
            named = ", ".join(f"recording/{policy}" for policy in tape.policies)
            self._told.event("records" if tape.state == ON else "records_not", named)
        return ""

    async def place(self, target: Target, caller_id: CallerId) -> CalleeLeg:
        self._told.rang.append((asyncio.get_running_loop().time(), target.label))
        self._told.shown.append((target.label, None if caller_id.hides else caller_id.number))
        self._told.event("rings", _rung(target, caller_id))
        leg = _Callee(f"B{len(self._legs) + 1}", target, self._person(target), self._told)
        leg.on_change = self.on_change
        self._legs.append(leg)
        leg.changed()
        return leg

    @property
    def callees(self) -> Sequence[CalleeLeg]:
        return self._legs

    def _person(self, target: Target) -> Person:
        people = self._script.people
        if isinstance(target, DeviceTarget):
            names = [f"{target.user}-{target.device}", target.user]
        elif isinstance(target, TrunkTarget):
            names = [target.trunk.key, target.trunk.id, target.number]
        else:
            names = []
        return next((people[name] for name in names if name in people), self._script.others)

    async def take_caller(self, leg: CalleeLeg) -> None:
        self._legs = [one for one in self._legs if one is not leg]
        self.caller.label, self.caller.state = leg.label, "up"
        self._told.answer = 200
        leg.gone.add_done_callback(lambda gone: self.caller.end(gone.result()))

    async def pass_early_media(self, callee: CalleeLeg) -> None:
        if self.caller.state in ("new", "ringing"):
            self.caller.state = "early"

    async def attend(self, callee: CalleeLeg) -> None: ...

    async def bridge(self, callee: CalleeLeg) -> None:
        self.caller.state = "up"
        self._told.answer = 200
        if self._talks_since is None:
            self._talks_since = asyncio.get_running_loop().time()
        self._told.event("answered", Reason("talks_with", leg=callee.label))
        self._joined = callee
        self._wants(callee)

    def _wants(self, callee: CalleeLeg) -> None:
        """One of two who begin to talk may be going to transfer."""
        if isinstance(callee, _Callee) and callee.person.consults:
            wish = _Wish(self._told, callee, callee.person.consults)
            asyncio.get_running_loop().call_later(callee.person.transferring, self.on_consult, callee, wish)
            return
        if isinstance(callee, _Callee) and callee.person.transfers:
            after = callee.person.transferring
            wish = _Wish(self._told, callee, callee.person.transfers, callee.person.leaves)
        elif self._script.transfers and isinstance(self.caller, _Caller):
            after, wish = self._script.transferring, _Wish(self._told, self.caller, self._script.transfers)
        else:
            return
        asyncio.get_running_loop().call_later(after, self._wish, wish)

    def _wish(self, wish: _Wish) -> None:
        if self.on_wish is not None and not wish.by.gone.done():
            self.on_wish(wish)

    @property
    def joined(self) -> CalleeLeg | None:
        return self._joined

    def turn_round(self, target: Target) -> None:
        callee = self._joined
        assert callee is not None
        left = _Callee(self.caller.tag, target, Person(), self._told, left=self.caller)
        self._legs.append(left)
        self.caller, self._joined = callee, left

    async def part(self) -> CalleeLeg:
        callee, self._joined = self._joined, None
        assert callee is not None
        return callee

    async def mix(self, callee: CalleeLeg) -> None:
        self._mixed.append(callee)

    @property
    def mixed(self) -> Sequence[CalleeLeg]:
        return [leg for leg in self._mixed if not leg.gone.done()]

    async def rejoin(self, callee: CalleeLeg) -> None:
        self._mixed = [leg for leg in self._mixed if leg is not callee]
        self._told.event("answered", Reason("talks_with", leg=callee.label))
        self._joined = callee

    async def seam(self, other: Connections, ids: tuple[str, str]) -> tuple[CalleeLeg, CalleeLeg]:
        assert isinstance(other, SimulatedConnections)
        here = _Seam(f"B{len(self._legs) + 1}", CallTarget(ids[1], other.caller.label), self._told)
        there = _Seam(f"B{len(other._legs) + 1}", CallTarget(ids[0], self.caller.label), other._told)
        here.twin, there.twin = there, here
        self._legs.append(here)
        other._legs.append(there)
        return here, there

    async def release(self, callee: CalleeLeg) -> None:
        self._mixed = [leg for leg in self._mixed if leg is not callee]

    async def close(self) -> None:
        if self._talks_since is not None:
            self._told.talk = asyncio.get_running_loop().time() - self._talks_since
        for leg in self._legs:
            leg.hang_up()


class _NoJournal:
    def started(self, record: CallRecord) -> None: ...
    def answered(self, record: CallRecord) -> None: ...
    def ended(self, record: CallRecord) -> None: ...


World = Callable[[Script, Told], SimulatedConnections]


def simulate(
    tenant: Tenant, script: Script, story: Callable[[Call], object], world: World = SimulatedConnections
) -> Told:
    """Tell one call of `tenant` by `script`; the very features of live calls run."""
    return clock.run(_simulate(tenant, script, story, world))


async def _simulate(tenant: Tenant, script: Script, story: Callable[[Call], object], world: World) -> Told:
    start = script.at.timestamp()
    loop = asyncio.get_running_loop()
    user = None
    if script.trunk is None:
        user = next((u for u in tenant.users.values() if script.caller in (u.extension, u.id)), None)
    record = CallRecord(
        id="simulated",
        tenant=tenant.id,
        direction="inbound" if script.trunk else "internal",
        caller=user.extension if user else script.caller,
        dialled=script.dialled,
        number=script.dialled if script.trunk else None,
        source=f"{BY_API} {user.id}" if script.by_api and user else "simulated",
        revision=tenant.revision,
        started=int(start * 1000),
    )
    told = Told(record, Facts(script.at))
    connections = world(script, told)
    call = Call(record, tenant, connections, _NoJournal(), lambda: start + loop.time(), user=user, trunk=script.trunk)
    call.over_limit = script.over_limit
    call.hops = script.hops
    call.watch = told.watch
    call.state = ScriptedState(script.state, call.moment)
    call.house = House()
    call.house.calls[record.id] = call
    asking: list[asyncio.Task[None]] = []

    def begin(of: CallRecord) -> Call:
        return _second(
            call, of, world(replace(script, keys="", spoken=(), transfers=""), replace(told, record=of, events=[]))
        )

    def asks(by: CalleeLeg, wish: Wish) -> None:
        asking.append(asyncio.ensure_future(consult(call, by, wish.digits, wish, begin, story)))

    connections.on_consult = asks
    patience = loop.call_later(
        script.patience, lambda: connections.caller.end("bye" if connections.caller.state == "up" else "cancel")
    )
    await call.run(story)  # type: ignore[arg-type]
    patience.cancel()
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    told.facts = replace(call.facts(), at=script.at)
    told.event("ends", record.hung_up_by or record.disposition)
    return told


def _second(first: Call, record: CallRecord, connections: SimulatedConnections) -> Call:
    """A call of somebody who talks in `first` already."""
    person = next(user for user in first.tenant.users.values() if user.extension == record.caller)
    connections.caller.label = record.source
    call = Call(record, first.tenant, connections, _NoJournal(), lambda: first.moment() / 1000, user=person)
    call.state = first.state
    return call
