"""Parking: a call waits in a slot, with music, until somebody takes it or it goes back (behaviour R09)."""

from __future__ import annotations

import asyncio

from pbx.calls.call import Call
from pbx.calls.leg import DeviceTarget
from pbx.calls.onward import Claim
from pbx.features.pickup import take
from pbx.model.objects import Destination
from pbx.routing.reason import Reason


async def park(call: Call, number: str) -> Destination | None:
    """Where a call is sent to wait. One that waited when the process was killed waits on in its slot."""
    before = call.happened.parked()
    user, slot = before if before is not None else (_who_parks(call), _slot(call, number))
    if not user:
        call.note(Reason("nobody_parks"))
        call.reject(403)
        return None
    if not slot or slot in call.house.parked:
        call.note(Reason("no_slot", slot=number or "–"))
        call.reject(486)
        return None
    call.house.parked[slot] = call
    if before is None:
        call.happened.parks(slot, user, call.moment())
        call.note(Reason("parked", slot=slot, user=user))
        call.connections.changed()
    try:
        await call.answer()
        call.connections.keep()
        claim = await _wait(call)
    finally:
        call.happened.leaves_park(call.moment())
        call.house.parked.pop(slot, None)
        call.connections.changed()
    if claim is not None:
        await call.bridge(claim.leg, call.record.path[-1])
        return None
    call.note(Reason("park_timeout", seconds=call.tenant.services.parking.timeout, user=user))
    return Destination("user", user)


async def _wait(call: Call) -> Claim | None:
    """Until somebody comes for the call; None when nobody does in time."""
    place = call.tenant.services.parking
    claim = call.may_be_claimed()
    hearing = asyncio.ensure_future(call.hear(place.music))
    try:
        await asyncio.wait({claim}, timeout=place.timeout)
    finally:
        call.claim = None
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    return claim.result() if claim.done() else None


def _who_parks(call: Call) -> str:
    """Whoever sent the call here; nobody for one who has dialled this."""
    target = call.onward.by.target if call.onward is not None else None
    return target.user if isinstance(target, DeviceTarget) else ""


def _slot(call: Call, number: str) -> str:
    """The slot that is named, if there is one, else the first that is free; "" for none."""
    slots = [str(slot) for slot in range(1, call.tenant.services.parking.slots + 1)]
    if number:
        return number if number in slots else ""
    return next((slot for slot in slots if slot not in call.house.parked), "")


async def unpark(call: Call, number: str) -> Destination | None:
    """Take a parked call: of that slot, or the last that the caller has parked, or the one that waits longest."""
    parked = call.house.parked
    mine = [slot for slot, other in parked.items() if call.user and _parker(other) == call.user.id]
    slot = number or next(iter([*reversed(mine), *parked]), "")
    if slot not in parked:
        call.note(Reason("nothing_parked", slot=slot or "–"))
        call.reject(480)
        return None
    await take(call, parked[slot])
    return None


def _parker(other: Call) -> str:
    before = other.happened.parked()
    return before[0] if before is not None else ""
