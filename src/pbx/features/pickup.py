"""Taking a call that rings elsewhere, and the place of somebody who talks (behaviour R09; RFC 3891)."""

from __future__ import annotations

from collections.abc import Collection

from pbx.calls.call import Call
from pbx.calls.leg import CalleeLeg, DeviceTarget, Leg
from pbx.calls.onward import join
from pbx.model.objects import Destination
from pbx.routing import pickup
from pbx.routing.among import may_pick_up
from pbx.routing.reason import Reason


async def pick_up(call: Call, number: str) -> Destination | None:
    """The call that has been ringing longest at a colleague."""
    return await _pick_up(call, pickup.colleagues(call.tenant, call.dialler.id) if call.dialler is not None else ())


async def pick_up_directed(call: Call, number: str) -> Destination | None:
    """The call that rings at an extension."""
    return await _pick_up(call, pickup.people_at(call.tenant, number))


async def _pick_up(call: Call, users: Collection[str]) -> Destination | None:
    allowed = _allowed(call, users)
    named = ", ".join(f"user/{user}" for user in sorted(allowed or users)) or "–"
    if users and not allowed:
        call.note(Reason("pickup_barred", users=named))
        call.reject(403)
        return None
    other = call.house.ringing(allowed)
    if other is None:
        call.note(Reason("nothing_rings", users=named))
        call.reject(480)
        return None
    await take(call, other)
    return None


def _allowed(call: Call, users: Collection[str]) -> Collection[str]:
    """Those of them whose calls may be taken from here (`users.*.picked_up_by`)."""
    person, people = call.dialler, call.tenant.users
    if person is None:
        return ()
    return [user for user in users if user in people and may_pick_up(call.tenant, person, people[user])]


async def take(call: Call, other: Call, leaving: Leg | None = None) -> None:
    """Talk with the caller of another call, in place of `leaving` when that one talks; 480 when it is too late."""
    call.note(Reason("picked_up", party=other.party.number or "–"))
    if not await join(call, other, node_of(other), leaving):
        call.note(Reason("too_late"))
        call.reject(480)


async def take_over(call: Call) -> None:
    """An INVITE with Replaces: the place of a leg that rings, or of one who talks."""
    assert call.replaces is not None
    other, leg = call.replaces
    if leg in other.ringing:
        await _take_ringing(call, other, leg)
    elif other.claim is not None and other.connections.joined is not None:
        await take(call, other, leg)
    else:
        call.reject(481)


async def _take_ringing(call: Call, other: Call, leg: Leg) -> None:
    target = leg.target if isinstance(leg, CalleeLeg) else None
    if isinstance(target, DeviceTarget) and not _allowed(call, [target.user]):
        call.note(Reason("pickup_barred", users=f"user/{target.user}"))
        call.reject(403)
        return
    await take(call, other)


def node_of(other: Call) -> str:
    """Whom one talks with when one talks with the caller of that call, as a node of a path."""
    return f"user/{other.user.id}" if other.user is not None else other.party.number or "anonymous"
