"""Taking a call that rings elsewhere, and the place of somebody who talks (behaviour R09; RFC 3891)."""

from __future__ import annotations

from collections.abc import Collection

from pbx.calls.call import Call
from pbx.calls.leg import Leg
from pbx.calls.onward import join
from pbx.model.objects import Destination
from pbx.routing import pickup
from pbx.routing.reason import Reason


async def pick_up(call: Call, number: str) -> Destination | None:
    """The call that has been ringing longest at a colleague."""
    return await _pick_up(call, pickup.colleagues(call.tenant, call.user.id) if call.user is not None else ())


async def pick_up_directed(call: Call, number: str) -> Destination | None:
    """The call that rings at an extension."""
    return await _pick_up(call, pickup.people_at(call.tenant, number))


async def _pick_up(call: Call, users: Collection[str]) -> Destination | None:
    other = call.house.ringing(users)
    if other is None:
        call.note(Reason("nothing_rings", users=", ".join(f"user/{user}" for user in sorted(users)) or "–"))
        call.reject(480)
        return None
    await take(call, other)
    return None


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
        await take(call, other)
    elif other.claim is not None and other.connections.joined is not None:
        await take(call, other, leg)
    else:
        call.reject(481)


def node_of(other: Call) -> str:
    """Whom one talks with when one talks with the caller of that call, as a node of a path."""
    return f"user/{other.user.id}" if other.user is not None else other.party.number or "anonymous"
