"""A call in progress: its facts, its path, and the verbs in which every feature is written.

The story of a call is one coroutine in one task. When the caller goes away the task is cancelled, so a feature never
checks whether somebody still listens; `finish` closes what is open and makes the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from pbx.calls import dialling, events, in_call
from pbx.calls.happened import Happened
from pbx.calls.hearing import Hearing
from pbx.calls.house import ALONE, House
from pbx.calls.leg import (
    Audio,
    Branch,
    CalleeLeg,
    CallerId,
    CallerLeg,
    Connections,
    DeviceTarget,
    Diversion,
    Leg,
    NotAcceptable,
    Outcome,
    Wish,
)
from pbx.calls.mailbox import Mailbox
from pbx.calls.onward import Claim, Claimed, Onward, Transferred, arrived, give_up
from pbx.calls.record import BY_API, CallRecord, disposition
from pbx.calls.recording import SENSITIVE, CallRecording
from pbx.calls.state import NOTHING, Fact, TenantState
from pbx.model.objects import Destination, Tenant, User
from pbx.routing.decision import Decision, Facts
from pbx.routing.reason import Reason

MAX_NODES = 60  # a path longer than this is a loop through the model


class Recorder(Protocol):
    """Where a call writes what must not be lost (the journal)."""

    def started(self, record: CallRecord) -> None: ...
    def answered(self, record: CallRecord) -> None: ...
    def ended(self, record: CallRecord) -> None: ...


Watch = Callable[[str, object], None]
Tell = Callable[..., None]


class Loop(Exception):
    """The model sends the call in circles."""


class Call(Hearing):
    """One call of one tenant. Times come from `clock` (seconds of UTC)."""

    watch: Watch | None = None  # a simulation looks on: ("node", it), ("why", reason), ("branch", place in the model)
    invited_to: str = ""  # the conference into which the one who is fetched comes
    on_held: Callable[[str, bool], None] | None = None  # whoever serves it is told of a hold, by the leg's tag
    on_event: Tell | None = None  # (event, call, **more): a live call is looked on at by `pbx.calls.events`
    state: TenantState = NOTHING  # what it shares with the tenant's other calls
    house: House = ALONE  # the tenant's calls, this one among them
    onward: Onward | None = None  # the transfer that is under way
    claim: asyncio.Future[Claim] | None = None  # where it may be claimed by another call: it rings, waits or talks
    ringing: Sequence[CalleeLeg] = ()  # those that it rings
    replaces: tuple[Call, Leg] | None = None  # the call, and the leg in it, whose place this one takes
    is_turned = False  # the caller has transferred, and whom it talked with is the caller now
    known: Mapping[str, Fact] = {}  # facts of lookups, and digits that menus have asked for, by `NAME.FACT`

    def __init__(
        self,
        record: CallRecord,
        tenant: Tenant,
        connections: Connections,
        recorder: Recorder,
        clock: Callable[[], float],
        *,
        user: User | None = None,
        trunk: str | None = None,
        emergency: bool = False,
    ) -> None:
        self.record = record
        self.tenant = tenant
        self.connections = connections
        self.caller = connections.caller
        self.user = user  # the user of ours who calls, if one does
        self.dialler = user  # whose rights count: the caller's, or of who sent the call on
        self.party = CallerId(record.caller, tenant.directory.get(record.caller or "", ""))
        if user is not None:
            self.party = CallerId(user.extension or user.caller_id, user.name)
        self.trunk = trunk  # the key of the trunk that the call came over
        self.emergency = emergency
        self.language = (user.languages if user and user.languages else tenant.languages)[0]
        self._recorder = recorder
        self._teller: asyncio.Task[object] | None = None  # who tells its story
        self._clock = clock
        self.code = 0
        self.failure: BaseException | None = None  # what broke the story, a defect of ours or of a neighbour
        self.is_fetched = record.source.partition(" ")[0] == BY_API  # the caller is rung before anybody else
        self.held_by: set[str] = set()  # tags of the legs that have put the other on hold
        self.over_limit = False  # the tenant has more calls than its max_calls
        self.diversions: tuple[Diversion, ...] = ()  # who sent it on, here or before it came here
        self.hides = False  # whoever is called outside shall not see the number
        self.hops = 0  # how often it was sent on before it came here
        self.happened = Happened(record)
        self.recording = CallRecording(self)

    def moment(self) -> int:
        """Milliseconds of UTC."""
        return int(self._clock() * 1000)

    # --- what it knows ---------------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """The facts of this moment, for a decision."""
        return Facts(
            at=self.now(),
            caller=self.party.number,
            number=self.record.number,
            language=self.language,
            overrides=self.state.overrides,
            queues=self.state.queues(self.tenant),
            lookups=self.known,
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def enter(self, node: Destination | str) -> None:
        """The call comes to a node of the model."""
        self._come_to(node)
        if self.is_up:
            self.connections.keep()

    def _come_to(self, node: Destination | str) -> None:
        if len(self.record.path) >= MAX_NODES:
            raise Loop(" → ".join(self.record.path[-6:]))
        self.record.path.append(str(node))
        self.connections.changed()
        if self.watch:
            self.watch("node", str(node))

    def note(self, *reasons: Reason) -> None:
        """Say why, for the record. A peer's words may hold bytes that are no text: the journal takes none."""
        self.record.reasons.extend(str(reason).encode("utf-8", "replace").decode() for reason in reasons)
        if self.watch:
            for reason in reasons:
                self.watch("why", reason)

    def tell(self, event: str, **more: object) -> None:
        """Say what happens to the call, to whoever looks on."""
        if self.on_event:
            self.on_event(event, self, **more)

    def hold(self, tag: str, held: bool) -> None:
        """The leg of this tag has put the other on hold, or taken it back."""
        if held is not (tag in self.held_by):
            self.held_by.symmetric_difference_update({tag})
            self.tell("call.held" if held else "call.resumed", by="caller" if tag == self.caller.tag else "callee")
            if self.on_held is not None:
                self.on_held(tag, held)

    def took(self, *place: str | int) -> None:
        """The call took this branch of the model; said for whoever looks on, a live call keeps nothing of it."""
        if self.watch:
            self.watch("branch", place)

    def begin_again(self) -> None:
        """Nobody was answered when the process was killed: the story is told from its beginning, as if for the first
        time; the reasons of the first time stay."""
        self.record.path.clear()
        self.record.facts = {name: value for name, value in self.record.facts.items() if name == "hops"}
        self.happened = Happened(self.record)

    def dials(self, number: str) -> None:
        """The code that was dialled stands for this number; one who only sent the call on dials nothing."""
        if self.onward is None:
            self.happened.dials(number)

    def follow(self, decision: Decision) -> Destination:
        self.note(*decision.reasons)
        return decision.to

    @property
    def mail(self) -> Mailbox:
        """The messages of the tenant."""
        return self.state.mail

    # --- verbs ------------------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """The caller can be talked to: it was answered, or was fetched and waits for whom it wants to call."""
        return self.record.answered is not None or self.happened.was_fetched

    def ring(self) -> None:
        """Tell the caller, or who sent it on, that somebody is being rung."""
        if not self.is_up:
            self.caller.ring()
        elif self.onward is not None:
            self.onward.progress(180)

    async def answer(self) -> None:
        """Answer the caller; from here on it can be played to."""
        if not self.is_up:
            await self.pick_up()
        elif self.onward is not None:
            await arrived(self)
        else:
            self._mark_answered()  # one that was fetched has come to where somebody, or the PBX, answers
        await self.recording.answered()

    async def pick_up(self) -> None:
        """Answer the caller, and no more."""
        if not self.is_up:
            await self.connections.answer()
            self._mark_answered()
            self.connections.keep()

    async def pause_recording(self) -> None:
        """What is said or typed from now on is for nobody to hear again; if nothing is recorded, nothing is done."""
        await self.recording.pause(SENSITIVE)

    async def resume_recording(self) -> None:
        """The recording goes on, unless somebody else has paused it."""
        await self.recording.resume(SENSITIVE)

    async def open_early(self) -> None:
        """Let an unanswered caller hear announcements (no charge is due for a call that is refused)."""
        if not self.is_up:
            await self.connections.open_early()

    async def dial(
        self, branches: Sequence[Branch], *, within: float, tone: bool = True
    ) -> tuple[Outcome, CalleeLeg | None]:
        """Ring all branches at once; the first that answers (and confirms) wins, the others are cancelled.

        Returns the winner joined to nobody yet; see `bridge`. Without one: the best final answer, 408 for time.
        Without `tone` an answered caller goes on hearing what it hears.
        """
        ringback = None
        if self.is_up and tone:  # an answered caller cannot be told by 180: it hears the tone
            playing = self.connections.play(self.caller, [Audio(tone="ringback")], loop=True)
            ringback = asyncio.ensure_future(playing)
        try:
            return await dialling.ring_all(self, branches, within=within)
        finally:
            if ringback is not None:
                ringback.cancel()
                await self.connections.stop(self.caller)

    async def fetch(self, branches: Sequence[Branch], *, within: float) -> Outcome:
        """Ring the devices of whoever wants to call; the first that answers is the caller from then on."""
        outcome, leg = await dialling.ring_all(self, branches, within=within)
        if leg is not None:
            await self.connections.take_caller(leg)
            self.happened.fetched(self.moment())
            self.connections.keep()
        return outcome

    async def bridge(self, callee: CalleeLeg, node: str) -> None:
        """Join the caller and the callee until one of them hangs up."""
        await self.recording.before_join(callee)
        await self.connections.bridge(callee)
        self.record.answered_by = self.record.answered_by or callee.label
        self.happened.joined(callee)
        if self.onward is not None:
            await arrived(self)
        if self.record.path[-1:] != [node]:
            self._come_to(node)
        self._mark_answered()
        self.connections.changed()
        self.connections.keep()
        self.tell("call.joined", **events.about(callee), node=node)
        await self.talk(callee)

    async def talk(self, callee: CalleeLeg) -> None:
        """Until one of two who are joined hangs up. Raises Transferred and Claimed."""
        wish: asyncio.Future[Wish] = asyncio.get_running_loop().create_future()
        self.connections.on_wish = lambda asked: wish.set_result(asked) if not wish.done() else asked.reject(491)
        claim = self.may_be_claimed()
        try:
            waits: set[asyncio.Future[Any]] = {callee.gone, wish, claim}
            with in_call.listening(self, callee):
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.connections.on_wish = self.claim = None
        if claim.done():
            raise Claimed(claim.result())
        if wish.done() and not callee.gone.done():
            raise Transferred(wish.result())
        self.record.hung_up_by = "callee"

    def has_turned(self, user: User | None, party: CallerId) -> None:
        """The one whom the caller talked with is the caller now: this user, shown so."""
        self.caller = self.connections.caller
        self.user, self.party, self.is_turned = user, party, True
        self._watch_caller(self.caller)

    def may_be_claimed(self) -> asyncio.Future[Claim]:
        """From now on somebody of another call may come to talk with this one's caller."""
        self.claim = asyncio.get_running_loop().create_future()
        return self.claim

    def is_claimed(self, claim: Claim) -> bool:
        """Somebody of another call comes; False when it is too late, or somebody else was faster."""
        if self.claim is None or self.claim.done():
            return False
        self.claim.set_result(claim)
        return True

    def is_with(self, user: str) -> bool:
        """Does this person call, or talk in it?"""
        if self.user is not None and self.user.id == user:
            return True
        joined = self.connections.joined
        talks = [*self.connections.mixed, *([joined] if joined is not None else [])]
        return any(isinstance(leg.target, DeviceTarget) and leg.target.user == user for leg in talks)

    def calls_of(self, user: str) -> int:
        """How many other calls a person has now; kept with the record, for a replay."""
        calls = self.house.calls_of(user, besides=self) + self.state.calls_of(user)
        self.happened.calls_of(user, calls)
        return calls

    def reject(self, status: int, reason: str = "", cause: int | None = None) -> None:
        """Refuse an unanswered caller with a SIP status and perhaps a cause of Q.850; hang up an answered one. One that
        was sent on comes back."""
        if self.onward is not None:
            self.onward.status = status
            return
        self.code = self.code or status
        if self.is_up:
            self.hang_up()
        else:
            self.caller.reject(status, reason, cause)

    def hang_up(self) -> None:
        """End the call from our side; a call that was never answered is declined."""
        if self.onward is not None:
            return
        if self.is_up:
            self.code = self.code or 480
            self.record.hung_up_by = self.record.hung_up_by or "pbx"
            self.caller.hang_up()
        else:
            self.reject(480)

    # --- its life ---------------------------------------------------------------------------------------------------

    async def run(self, story: Callable[[Call], Awaitable[None]]) -> CallRecord:
        """Tell the story to its end, whoever ends it, and return the record. Never raises."""
        task = self._teller = asyncio.current_task()
        assert task is not None
        self._watch_caller(self.caller)
        try:
            await self._tell(story)
        except asyncio.CancelledError:
            if self.caller.gone.done():
                task.uncancel()
            if task.cancelling():  # somebody else wants this task to end
                raise
        except Exception as error:
            self.failure = error
            give_up(self, 500)
            self.note(Reason("error", error=repr(error)))
            self.reject(500)
        finally:
            self._teller = None
        await self.finish()
        return self.record

    def _watch_caller(self, caller: CallerLeg) -> None:
        def is_gone(_: object) -> None:
            if self._teller is not None and caller is self.caller:
                self._teller.cancel()

        caller.gone.add_done_callback(is_gone)

    async def _tell(self, story: Callable[[Call], Awaitable[None]]) -> None:
        try:
            await story(self)
        except Loop as loop:
            give_up(self, 482)
            self.note(Reason("loop", limit=MAX_NODES, path=str(loop)))
            self.reject(482, "Loop Detected")
        except NotAcceptable as error:
            self.note(Reason("not_acceptable", error=str(error)))
            self.reject(488, "Not Acceptable Here")
        else:
            self.hang_up()

    async def finish(self) -> None:
        """Write the record, close the legs and the media."""
        record = self.record
        cause = self.caller.gone.result() if self.caller.gone.done() else ""
        if record.ended is None:
            record.ended = self.moment()
        record.disposition, record.code = disposition(self.code, cause, talked=record.answered is not None)
        give_up(self, 487)
        if cause == "media_timeout":
            record.hung_up_by = cause
        if cause == "bye" and record.hung_up_by is None:
            record.hung_up_by = "callee" if self.is_turned else "caller"
        self.recording.over()
        self._recorder.ended(record)  # first: a SIGKILL while the relay is slow must not make it `interrupted`
        end = {name: getattr(record, name) for name in events.OF_THE_END}
        self.tell("call.ended", **end, collected=record.facts.get("collected", {}))
        await self.connections.close()

    def _mark_answered(self) -> None:
        if self.record.answered is None:
            self.record.answered = self.moment()
            self._recorder.answered(self.record)
            self.tell("call.answered")
