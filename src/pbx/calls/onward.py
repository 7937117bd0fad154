"""A call that is sent on: who asked for it and what becomes of them; and two calls that become one conversation.

A transfer by either side is one story: whoever stays is the caller from then on (`turn_to`), whoever asked is left
aside, up, until somebody answers (`arrived`) or nobody does (`features.transfer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pbx.calls.leg import CalleeLeg, CallerId, DeviceTarget, Leg, Target, TrunkTarget, Wish

if TYPE_CHECKING:
    from pbx.calls.call import Call
    from pbx.model.objects import Destination, User

GONE = 480  # what the transferrer is told when nobody says why


class Transferred(Exception):
    """A side of a call that talks asked for a transfer: the story goes on with that."""

    def __init__(self, wish: Wish) -> None:
        super().__init__(wish.digits)
        self.wish = wish


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody of another call comes to talk with the caller of this one: `leg`, in place of `leaving`."""

    leg: CalleeLeg
    leaving: CalleeLeg | None = None


class Claimed(Exception):
    """Somebody comes into a call that talks: the story goes on with them."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.leg.label)
        self.claim = claim


@dataclass(slots=True)
class Onward:
    """A transfer under way. `by` is the transferrer's leg, `entry` what the record will have of it."""

    by: CalleeLeg
    entry: dict[str, Any]
    wish: Wish | None = None
    status: int = GONE  # why nobody answered

    def progress(self, status: int) -> None:
        if self.wish is not None:
            self.wish.progress(status)

    def finish(self, status: int) -> None:
        if self.wish is not None:
            self.wish.finish(status)


def turn_to(call: Call, leaving: Leg) -> CalleeLeg:
    """Make `leaving`, one of two who talk, the callee of its call; returns its leg as such."""
    joined = call.connections.joined
    assert joined is not None
    if leaving is not call.caller:
        return joined
    call.connections.turn_round(_target(call))
    call.has_turned(*_known(call, joined.target))
    left = call.connections.joined
    assert left is not None
    return left


def _target(call: Call) -> Target:
    """How the caller would be reached: as the device that it called from, or over its trunk."""
    caller = call.caller
    if isinstance(caller, CalleeLeg):
        return caller.target
    person = call.user
    if person is not None:
        device = call.caller.label.partition(" ")[2].removeprefix(f"{person.id}-")
        known = person.devices.get(device)
        return DeviceTarget(person.id, device, call.tenant.domain, known.media if known else "either")
    trunk = next(trunk for trunk in call.tenant.trunks.values() if trunk.key == call.trunk)
    return TrunkTarget(call.record.caller or "", trunk)


def _known(call: Call, target: Target) -> tuple[Any, CallerId]:
    """The user behind a target, if there is one, and what others are shown of it."""
    if isinstance(target, DeviceTarget):
        person = call.tenant.users.get(target.user)
        if person is not None:
            return person, CallerId(person.extension or person.caller_id, person.name)
    if isinstance(target, TrunkTarget):
        return None, CallerId(target.number)
    other = call.house.calls.get(getattr(target, "call", ""))
    return (None, other.party) if other is not None else (None, CallerId(None))


def who(call: Call, by: Leg) -> tuple[User | None, User | None]:
    """The person who asks for something, and the other one, where they are people of ours."""
    joined = call.connections.joined
    target = joined.target if joined is not None else None
    other = call.tenant.users.get(target.user) if isinstance(target, DeviceTarget) else None
    return (call.user, other) if by is call.caller else (other, call.user)


async def refused(call: Call, wish: Wish, status: int) -> Destination | None:
    """Nothing is changed: the two talk on."""
    wish.reject(status)
    joined = call.connections.joined
    assert joined is not None
    await call.talk(joined)
    return None


async def part(call: Call, wish: Wish, to: str) -> None:
    """Whoever asked sends the other one on: left aside until somebody answers."""
    by = turn_to(call, wish.by)
    call.onward = Onward(by, call.happened.sent_on(by, to, "blind", call.moment()), wish)
    await call.connections.part()


async def rejoin(call: Call, callee: CalleeLeg) -> None:
    """Talk on with somebody who was left aside."""
    await call.connections.rejoin(callee)
    call.connections.keep()
    await call.talk(callee)


def give_up(call: Call, status: int) -> Onward | None:
    """The transfer that is under way, if one is, came to nothing; who asked for it is told why."""
    onward, call.onward = call.onward, None
    if onward is not None:
        onward.finish(status)
        call.happened.sent_on_ended(onward.entry, status, call.moment())
    return onward


async def arrived(call: Call) -> None:
    """Somebody has answered the call that was sent on: who sent it is told so and leaves."""
    onward, call.onward = call.onward, None
    assert onward is not None
    onward.finish(200)
    call.happened.sent_on_ended(onward.entry, 200, call.moment())
    onward.by.hang_up()
    await call.connections.release(onward.by)


async def join(call: Call, other: Call, node: str, leaving: Leg | None = None) -> bool:
    """The caller of `call` and the caller of `other` talk, in place of `leaving` in the other one, until one of the
    two hangs up; False when the other call could not be had any more."""
    left = turn_to(other, leaving) if leaving is not None else None
    here, there = await call.connections.seam(other.connections, (call.record.id, other.record.id))
    if not other.is_claimed(Claim(there, left)):
        here.hang_up()
        await call.connections.release(here)
        await other.connections.release(there)
        return False
    await call.bridge(here, node)
    return True
