"""The sides of a call as a feature sees them, and what a call needs of the world. Live and simulated both fit here."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pbx.model.objects import Trunk
from pbx.speech.recognition.heard import Heard, Vocabulary

if TYPE_CHECKING:
    from pbx.calls.recording import Tape


class NotAcceptable(Exception):
    """The caller offers no sound that we can make or pass on: 488."""


@dataclass(frozen=True, slots=True)
class Diversion:
    """Somebody who sent a call on: extension and outside number (None: has none, or hides it), and the status that says
    why: 302 every call, 486 busy, 408 no answer, 480 not reached."""

    extension: str | None
    number: str | None
    status: int


@dataclass(frozen=True, slots=True)
class CallerId:
    """What the called side is shown: a number or extension (None: hidden) and a name; and who sent the call on before
    it came here, the first of them first.
    `source`: a device may ring otherwise for `internal` and `external` calls. Who `hides` is known to carriers only."""

    number: str | None
    name: str = ""
    diversions: tuple[Diversion, ...] = ()
    answers_itself: bool = False  # the telephone is asked to answer at once, on its loudspeaker
    source: str = ""
    hides: bool = False


@dataclass(frozen=True, slots=True)
class DeviceTarget:
    """A registered device of a user: address of record `<user>-<device>@<domain>`."""

    user: str
    device: str
    domain: str
    media: str = "either"

    @property
    def label(self) -> str:
        return f"device {self.user}-{self.device}"


@dataclass(frozen=True, slots=True)
class TrunkTarget:
    """A number of the outside, reached over a trunk; `emergency` passes every limit."""

    number: str  # E.164, or a short emergency number
    trunk: Trunk
    emergency: bool = False

    @property
    def label(self) -> str:
        return f"trunk {self.trunk.key}"


@dataclass(frozen=True, slots=True)
class CallTarget:
    """Whoever is served in another call of ours; `who` is the label of that leg, `call` the other call's id."""

    call: str
    who: str

    @property
    def label(self) -> str:
        return self.who


Ringable = DeviceTarget | TrunkTarget
Target = Ringable | CallTarget


@dataclass(frozen=True, slots=True)
class Audio:
    """One thing to play: a file of the prompts, a tone by name, or silence in seconds."""

    file: str | None = None
    tone: str | None = None
    silence: float = 0.0
    recording: str | None = None  # a file of messages, as long as it is there
    prompt: str = ""  # what it is, for the story
    text: str = ""  # what it says, where that is written down


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt to ring ended: 200, or the final SIP status; `redirect`: whom a 3xx names instead, as dialled;
    `cause`: of Q.850, where the status says too little."""

    status: int
    reason: str = ""
    redirect: str = ""
    cause: int | None = None


class Leg:
    """One side of a call: its name in the relay (`A`, `B1`, …), what it is, its digits and its end."""

    on_typed: Callable[[str, int, bool], None] | None = None  # digit, ms, heard by the other side: see `in_call`
    on_change: Callable[[], None] | None = None  # whoever shows to others who talks is told of each new state

    def __init__(self, tag: str, label: str) -> None:
        loop = asyncio.get_running_loop()
        self.tag = tag
        self.label = label
        self._digits: asyncio.Queue[str] | None = None
        self.gone: asyncio.Future[str] = loop.create_future()  # the cause: bye, cancel, hung_up, timeout, no_ack

    @property
    def digits(self) -> asyncio.Queue[str]:
        """What was typed and not yet read. Made when first asked for: 2.5 KB that most calls never need."""
        if self._digits is None:
            self._digits = asyncio.Queue()
        return self._digits

    def end(self, cause: str) -> None:
        """The leg is over; only the first cause counts."""
        if not self.gone.done():
            self.gone.set_result(cause)
            self.changed()

    def changed(self) -> None:
        if self.on_change is not None:
            self.on_change()


class CallerLeg(Leg, ABC):
    """The side that is served: who called us, or after a transfer by the caller whom it talked with."""

    _state = "new"

    @property
    def state(self) -> str:
        """new | ringing | early | up | down"""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self.changed()

    @property
    def phase(self) -> str:
        """Its state in the words of RFC 4235: trying, early, confirmed, terminated."""
        if self.gone.done():
            return "terminated"
        return _PHASES.get(self._state, "trying")

    @abstractmethod
    def ring(self) -> None:
        """180 once (RFC 3261 §13.3.1.1)."""

    @abstractmethod
    def reject(self, status: int, reason: str = "", cause: int | None = None) -> None:
        """A final answer other than 2xx, with a cause of Q.850 (RFC 6432)."""

    @abstractmethod
    def hang_up(self) -> None:
        """BYE."""


_PHASES = {"new": "trying", "ringing": "early", "early": "early", "up": "confirmed", "down": "terminated"}


class CalleeLeg(CallerLeg, ABC):
    """A side that we ring; `outcome` resolves once with the final answer. An answered one may become the caller."""

    def __init__(self, tag: str, label: str, target: Target) -> None:
        super().__init__(tag, label)
        self.target = target
        self.shown: str | None = None  # the number that it is shown
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._is_alive = False  # anything beyond 100 came back
        self._life: asyncio.Future[None] | None = None  # who waits for that
        self.on_ringing: Callable[[], None] | None = None
        self.on_early_media: Callable[[], None] | None = None

    def rang(self, *, media: bool = False) -> None:
        """A provisional answer: 180, or 183 with media."""
        self._show_life()
        told = self.on_early_media if media else self.on_ringing
        if told is not None:
            told()
        self.changed()

    @property
    def phase(self) -> str:
        """Its state in the words of RFC 4235: trying, early, confirmed, terminated."""
        if self.gone.done() or (self.outcome.done() and self.outcome.result().status != 200):
            return "terminated"
        if self.outcome.done():
            return "confirmed"
        return "early" if self._is_alive else "trying"

    def resolve(self, status: int, reason: str = "", redirect: str = "") -> None:
        """The final answer; only the first counts."""
        self._show_life()
        if not self.outcome.done():
            self.outcome.set_result(Outcome(status, reason, redirect))
            self.changed()

    async def wait_for_life(self) -> None:
        """Until anything beyond 100 came back. One waiter; a cancelled one may be followed by another."""
        if not self._is_alive:
            self._life = asyncio.get_running_loop().create_future()
            await self._life

    def _show_life(self) -> None:
        self._is_alive = True
        if self._life is not None and not self._life.done():
            self._life.set_result(None)

    @abstractmethod
    def cancel(self, *, elsewhere: bool) -> None:
        """Stop ringing: CANCEL, with `Reason: SIP;cause=200` when another device answered (RFC 3326)."""

    def ring(self) -> None:
        """It is answered."""

    def reject(self, status: int, reason: str = "", cause: int | None = None) -> None:
        """It is answered: all that can be refused is to go on."""
        self.hang_up()


class Wish(ABC):
    """What a side of a call asks for by REFER: that the other one be sent on, and to be told how it goes."""

    by: Leg
    digits: str  # whom to call, as dialled
    call: str = ""  # attended: the other call that `by` has there, by its id
    leg: Leg | None = None  # and its leg in it
    recording: str = ""  # not sent on: the code that asks for a recording, or that it be paused (`in_call_…`)
    next_call: bool = False  # not sent on: the other one is hung up, and `by` dials anew
    typed = False  # nobody but what is heard tells how it goes
    third: bool = False  # not sent on: whoever is called is to talk with the two

    @abstractmethod
    def accept(self) -> None:
        """It is tried."""

    @abstractmethod
    def reject(self, status: int) -> None:
        """It is not even tried."""

    def progress(self, status: int) -> None:  # noqa: B027
        """How it goes."""

    @abstractmethod
    def finish(self, status: int) -> None:
        """How it went; only the first counts."""


class Connections(ABC):
    """What one call needs of the world: legs and the media between them."""

    caller: CallerLeg
    on_wish: Callable[[Wish], None] | None = None  # who hears a REFER; nobody: it is refused
    on_change: Callable[[], None] | None = None  # of its legs, and of where the call stands
    on_speaks: Callable[[Leg, bool], None] | None = None  # a leg that is in a room begins to speak, or ends

    @property
    @abstractmethod
    def callees(self) -> Sequence[CalleeLeg]:
        """All that were rung, in order; some may be over."""

    def changed(self) -> None:
        """The call is seen otherwise than before."""
        if self.on_change is not None:
            self.on_change()

    def observe(self, on_change: Callable[[], None]) -> None:
        """Tell `on_change` of each new state of a side of this call."""
        self.on_change = on_change
        for leg in (self.caller, *self.callees):
            leg.on_change = on_change

    @abstractmethod
    async def answer(self) -> None:
        """The caller is answered and hears the engine."""

    @abstractmethod
    async def open_early(self) -> None:
        """The caller hears the engine before an answer (183)."""

    @abstractmethod
    async def play(self, leg: Leg, audio: Sequence[Audio], *, loop: bool = False, skip: float = 0.0) -> None:
        """Play to a leg that hears the engine, from `skip` seconds on; returns at the end of the list, never when
        `loop`."""

    @abstractmethod
    async def stop(self, leg: Leg) -> None:
        """Stop what `play` plays."""

    async def echo(self, leg: Leg) -> None:  # noqa: B027
        """Send back to a leg that hears the engine what it says."""

    @abstractmethod
    async def record(self, leg: Leg, write: Callable[[bytes], None]) -> None:
        """Give `write` what a leg that hears the engine says, as A-law, until this is cancelled; the last piece comes
        before that returns."""

    async def enter_room(self, leg: Leg, room: str, *, muted: bool = False, deaf: bool = False) -> None:  # noqa: B027
        """Let a leg that hears the engine into a room: it hears all the others there and they hear it, but for who is
        muted or deaf. Said again it changes how."""

    async def leave_room(self, leg: Leg) -> None:  # noqa: B027
        """Out of it; in none is no error."""

    def expect(self, leg: Leg, *, asked: bool = True, listens: bool = False) -> None:  # noqa: B027
        """A leg is asked for digits, or for a word as well, or may type some unasked: nothing to do, but for a caller
        who follows a script."""

    async def listen(self, leg: Leg, vocabulary: Vocabulary, spoke: Callable[[], None]) -> Heard | None:
        """What a leg that hears the engine says, once it has said something; `spoke` is called when a voice begins.
        None: there is nobody who understands."""
        return None

    @property
    def deaf_because(self) -> str:
        """Why `listen` has returned None."""
        return ""

    async def hide_digits(self, leg: Leg, hides: bool) -> None:  # noqa: B027
        """Whom a leg talks with is to hear its digits no more, or again."""

    async def press(self, leg: Leg, digit: str, milliseconds: int) -> None:  # noqa: B027
        """Whom a leg talks with is to hear this digit as if the leg had pressed it now."""

    def forks(self, branches: int) -> None:  # noqa: B027
        """So many legs will be placed at once."""

    @abstractmethod
    async def place(self, target: Target, caller_id: CallerId) -> CalleeLeg:
        """Ring a target; the leg tells how it goes."""

    @abstractmethod
    async def take_caller(self, leg: CalleeLeg) -> None:
        """A device that answered is the caller from now on, and hears the engine (there was none before)."""

    @abstractmethod
    async def pass_early_media(self, callee: CalleeLeg) -> None:
        """Let the caller hear what the far end sends before it answers."""

    @abstractmethod
    async def attend(self, callee: CalleeLeg) -> None:
        """An answered callee hears the engine (before it is joined)."""

    async def tape(self, tape: Tape) -> str:
        """Record the call from now on, or no more, as this says, and whoever it is joined with; returns why that could
        not be done, "" when it is."""
        return ""

    async def attend_beside(self, callee: CalleeLeg) -> None:  # noqa: B027
        """An answered callee hears the engine, as the caller goes on to do."""

    @abstractmethod
    async def mix(self, callee: CalleeLeg) -> None:
        """An answered or parted callee hears the engine beside the caller, and is one of who talk in this call: the
        next process goes on with it. `rejoin` or `release` ends that."""

    @property
    @abstractmethod
    def mixed(self) -> Sequence[CalleeLeg]:
        """Those, in the order in which they came."""

    @abstractmethod
    async def bridge(self, callee: CalleeLeg) -> None:
        """Join the caller (answering it when it is not yet) and the callee."""

    @abstractmethod
    async def release(self, callee: CalleeLeg) -> None:
        """Forget a callee that is not needed (lost the race, failed, hung up)."""

    @abstractmethod
    def turn_round(self, target: Target) -> None:
        """Whom the caller talks with takes the caller's place, and the caller (reached as `target`) that one's."""

    @abstractmethod
    async def part(self) -> CalleeLeg:
        """The caller hears the engine; whom it talked with is left aside, up, and returned."""

    @abstractmethod
    async def rejoin(self, callee: CalleeLeg) -> None:
        """Back to somebody who was parted."""

    @abstractmethod
    async def seam(self, other: Connections, ids: tuple[str, str]) -> tuple[CalleeLeg, CalleeLeg]:
        """The caller here and the caller of another call are to talk: for each call a leg that is the other call's
        caller, answered and not joined yet. What ends one ends the other. `ids` are those of this call and the other.
        """

    @property
    def joined(self) -> CalleeLeg | None:
        """Whom the caller talks with."""
        return None

    @property
    def rung(self) -> Sequence[CalleeLeg]:
        """Who is rung now."""
        return ()

    async def is_there(self) -> bool:
        """Does the relay still know the call, which was up in a process before?"""
        return True

    async def hear_again(self) -> None:  # noqa: B027
        """The caller, whose call was up in a process before, hears the engine once more."""

    def keep(self) -> None:  # noqa: B027
        """The call has come to another place: what the next start of the process needs of it is written down."""

    def keep_now(self) -> None:
        """The same, of what is followed by no packet to anybody: it is written down at once."""
        self.keep()

    @abstractmethod
    async def close(self) -> None:
        """Give back all that the call holds."""


@dataclass(slots=True)
class Branch:
    """One member to ring: targets tried in order (a trunk, then the next), after a delay, perhaps with confirmation."""

    node: str  # what the path names when it answers, e.g. user/ivanov
    attempts: Sequence[Target]
    caller_id: CallerId
    ring_after: float = 0.0
    confirm: bool = False
    reasons: list[str] = field(default_factory=list)
    without: Outcome = Outcome(480, "no way to reach it")  # what comes of it when there is no target
    redirect: Callable[[str], Sequence[Branch]] | None = None  # whom to ring instead, when the device says so by 3xx
