"""A call that is recorded (behaviour R17, R18): by which policies, from when on, and who was told of it before.

It begins when the call is answered, after the announcement has been played: to the caller, and to whoever is called
outside; both hear it together, before they hear each other. It goes on whatever becomes of the call, until the call is
over. Every policy that a call falls under makes a recording of its own; pausing is of all of them at once.

An emergency call is not held up: it is recorded by policies that announce nothing, and by no others.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pbx.calls.leg import CalleeLeg, CallTarget, DeviceTarget, Leg, NotAcceptable, TrunkTarget
from pbx.model.services import ON_DEMAND, Recording
from pbx.routing import recording as policies_of
from pbx.routing.reason import Reason

if TYPE_CHECKING:
    from pbx.calls.call import Call

ON, PAUSED, STOPPED = "on", "paused", "stopped"
START = "start"  # a wish that begins it, and never ends it
PERSON = "person"  # who pauses it: somebody who talks, or whoever may do so by the API
SENSITIVE = "sensitive"  # who pauses it: a menu that asks for what nobody shall hear again


@dataclass(frozen=True, slots=True)
class Tape:
    """What is to be recorded of a call from now on, as whoever does it is told."""

    state: str
    policies: Mapping[str, Mapping[str, Any]]  # those that it is recorded by now: what a finished recording needs
    about: Mapping[str, Any]


class CallRecording:
    """Of one call. It changes nothing in how the call goes, but for the announcement."""

    def __init__(self, call: Call) -> None:
        self._call: Call = weakref.proxy(call)  # no circle: a call goes at once when it is over
        self.active: dict[str, Recording] = {}  # by which it is recorded now
        self._heard: set[str] = set()  # announcements that the caller has heard
        self._paused_by: set[str] = set()
        self._people: list[str] = []
        self._outside = ""  # whom it leads to outside
        self._was_on = False

    @property
    def state(self) -> str:
        if not self.active:
            return STOPPED
        return PAUSED if self._paused_by else ON

    # --- when it begins ---------------------------------------------------------------------------------------------

    async def answered(self) -> None:
        """The PBX has answered the caller, who talks with nobody yet."""
        await self._begin(policies_of.always(self._call.tenant, *self._facts(None)), None)

    async def before_join(self, callee: CalleeLeg) -> None:
        """Somebody has answered, and the two do not hear each other yet."""
        self._takes_part(callee)  # before it is asked in which direction the call goes
        found = policies_of.always(self._call.tenant, *self._facts(callee))
        if isinstance(callee.target, TrunkTarget) and callee.target.emergency:
            found = ((policy, why) for policy, why in found if policy.announce is None)
            await self._begin(found, None)
        else:
            await self._begin(found, callee)

    async def start(self, callee: CalleeLeg | None) -> bool:
        """Somebody asks for it; False when no policy allows that, or it is being done."""
        before = set(self.active)
        await self._begin(policies_of.on_demand(self._call.tenant, *self._facts(callee)), callee)
        return set(self.active) != before

    async def _begin(self, found: Iterable[tuple[Recording, Reason]], callee: CalleeLeg | None) -> None:
        call = self._call
        new = [(policy, why) for policy, why in found if policy.id not in self.active]
        is_outside = callee is not None and isinstance(callee.target, TrunkTarget)
        said = [policy.announce for policy, _ in new if policy.announce and policy.announce not in self._heard]
        if is_outside:  # also who comes later, as by a transfer
            said += [policy.announce for policy in (*self.active.values(), *(p for p, _ in new)) if policy.announce]
        prompts = list(dict.fromkeys(said))
        if prompts and not await self._announce(prompts, callee):
            new = [(policy, why) for policy, why in new if policy.announce not in prompts]
            call.note(Reason("recording_unannounced"))
        for policy, why in new:
            self.active[policy.id] = policy
            call.note(why)
        if self.active:
            await self._changed()
        for policy, _ in new:
            call.happened.recorded(policy.id, call.moment())
            call.tell("recording.started", policy=policy.id)

    async def _announce(self, prompts: Sequence[str], callee: CalleeLeg | None) -> bool:
        """Play it to both; False when it was not heard to its end. Raises what ends the call."""
        call = self._call
        if call.connections.joined is not None:  # nobody hears the engine
            return False
        await call.pick_up()
        ears: list[Leg] = [call.caller]
        if callee is not None and not isinstance(callee.target, CallTarget):
            try:
                await call.connections.attend_beside(callee)
            except NotAcceptable:
                return False
            ears.append(callee)
        playing = asyncio.gather(*(self._play(leg, prompts) for leg in ears))
        waits: set[asyncio.Future[Any]] = {playing} if callee is None else {playing, callee.gone}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            heard = playing.done() and playing.exception() is None
        finally:
            playing.cancel()
        if heard:
            self._heard |= set(prompts)
        return heard

    async def _play(self, leg: Leg, prompts: Sequence[str]) -> None:
        for prompt in prompts:
            if leg is self._call.caller:
                await self._call.play(prompt)
            else:
                await self._call.connections.play(leg, self._call.audio(prompt))

    # --- while it goes on -------------------------------------------------------------------------------------------

    async def pause(self, who: str) -> bool:
        """Nothing is recorded until the same one lets it go on; False when nothing is to be paused."""
        if not self.active or who in self._paused_by:
            return False
        was = self.state
        self._paused_by.add(who)
        await self._changed()
        if was == ON:
            self._tell("recording.paused", by=who)
        return True

    async def resume(self, who: str) -> bool:
        """On again, if nobody else wants it paused."""
        if who not in self._paused_by:
            return False
        self._paused_by.discard(who)
        await self._changed()
        if self.state == ON:
            self._tell("recording.resumed", by=who)
        return True

    def is_paused_by(self, who: str) -> bool:
        return who in self._paused_by

    async def stop(self) -> bool:
        """End those that somebody asked for; False when there is none. What is always recorded goes on."""
        ended = [policy.id for policy in self.active.values() if policy.mode == ON_DEMAND]
        for policy in ended:
            del self.active[policy]
        if not self.active:
            self._paused_by.clear()
        if ended:
            await self._changed()
        for policy in ended:
            self._call.tell("recording.stopped", policy=policy)
        return bool(ended)

    def over(self) -> None:
        """The call is over."""
        for policy in self.active:
            self._call.tell("recording.stopped", policy=policy)

    def failed(self, why: str) -> None:
        """What should be recorded is not: somebody has to know; the call goes on."""
        for policy in self.active:
            self._call.tell("recording.failed", policy=policy, why=why)
        self._call.state.alert(f"call {self._call.record.id} is not recorded: {why}")

    async def _changed(self) -> None:
        is_on = self.state == ON
        begins, self._was_on = is_on and not self._was_on, is_on
        if (problem := await self._call.connections.tape(self.tape())) and begins:
            self.failed(problem)

    def _tell(self, event: str, **more: str) -> None:
        for policy in self.active:
            self._call.tell(event, policy=policy, **more)

    # --- what is known of it ----------------------------------------------------------------------------------------

    def tape(self) -> Tape:
        record = self._call.record
        policies = {
            policy.id: {
                "announced": policy.announce is not None and policy.announce in self._heard,
                "store": policy.store,
                "retain": policy.retain,
                "listen": list(policy.listen),
            }
            for policy in self.active.values()
        }
        about = {
            "call_id": record.id,
            "tenant": record.tenant,
            "direction": self._direction(),
            "caller": record.caller,
            "called": (self._outside if self._direction() == "outbound" else record.number) or record.dialled,
            "people": list(self._people),
        }
        return Tape(self.state, policies, about)

    def _facts(self, callee: CalleeLeg | None) -> tuple[str, tuple[str, ...]]:
        """Direction, and numbers of ours: called, or shown."""
        self._caller_takes_part()
        shown = callee.shown if callee is not None and isinstance(callee.target, TrunkTarget) else None
        return self._direction(), tuple(number for number in (self._call.record.number, shown) if number)

    def _caller_takes_part(self) -> None:
        person = self._call.user
        if person is not None and person.id not in self._people:
            self._people.append(person.id)

    def _direction(self) -> str:
        direction = self._call.record.direction
        return "outbound" if direction == "internal" and self._outside else direction

    def _takes_part(self, callee: CalleeLeg) -> None:
        self._caller_takes_part()
        match callee.target:
            case DeviceTarget(user=user) if user not in self._people:
                self._people.append(user)
            case TrunkTarget(number=number):
                self._outside = self._outside or number
            case CallTarget(call=other):
                person = getattr(self._call.house.calls.get(other), "user", None)
                if person is not None and person.id not in self._people:
                    self._people.append(person.id)

    # --- after the process was killed -------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any] | None:
        """Plain values; None: nothing was ever recorded."""
        if not self.active and not self._people:
            return None
        return {
            "active": [asdict(policy) for policy in self.active.values()],
            "heard": sorted(self._heard),
            "paused_by": sorted(self._paused_by),
            "people": self._people,
            "outside": self._outside,
        }

    def restore(self, kept: Mapping[str, Any] | None) -> None:
        """What a snapshot says."""
        if kept is None:
            return
        self.active = {each["id"]: Recording(**_tuples(each)) for each in kept["active"]}
        self._heard, self._paused_by = set(kept["heard"]), set(kept["paused_by"])
        self._people, self._outside = list(kept["people"]), kept["outside"]
        self._was_on = self.state == ON


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
