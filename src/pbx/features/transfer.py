"""Transfers: a side of a call sends the other one on (behaviour R09; RFC 5589).

Blind: whoever stays is rung through to where a colleague would come by dialling it, as the transferrer may dial. When
somebody answers, the transferrer leaves; when nobody does, it has the call back, by telephone if it has hung up.
Attended: the two whom the transferrer talks with, in two calls, talk with each other.
"""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.calls.leg import DeviceTarget, Leg, Wish
from pbx.calls.onward import GONE, Claim, Onward, give_up, join, part, refused, rejoin, turn_to, who
from pbx.features.ad_hoc import third_called
from pbx.features.next_call import next_call
from pbx.features.record import recording_asked
from pbx.model.objects import Destination
from pbx.routing import decide, outbound
from pbx.routing.reason import Reason


async def transferred(call: Call, wish: Wish) -> Destination | None:
    """A side of a call that talks has asked for a transfer."""
    if wish.recording:
        return await recording_asked(call, wish)
    if wish.next_call:
        return await next_call(call, wish)
    if wish.third:
        return await third_called(call, wish)
    if not wish.call:
        return await _blind(call, wish, wish.digits)
    other = call.house.calls.get(wish.call)
    if other is None or other is call or wish.leg is None:
        return await refused(call, wish, 481)
    if other.connections.joined is not None and other.claim is not None:
        return await _attended(call, wish, other, wish.leg)
    # It rings there still, or the PBX itself answered: the transferrer is taken out, who stays calls there.
    other.note(Reason("gave_way", leg=wish.leg.label, call=call.record.id))
    if other.is_up:
        other.caller.hang_up()
    other.caller.reject(487)
    wish.leg.end("bye" if other.is_up else "cancel")
    return await _blind(call, wish, other.record.dialled)


async def _blind(call: Call, wish: Wish, digits: str) -> Destination | None:
    person, stays = who(call, wish.by)
    decision = decide.dialled(call.tenant, digits)
    call.note(Reason("transferred", leg=wish.by.label, digits=digits), *decision.reasons)
    if decision.to.kind == "reject":
        return await refused(call, wish, 404)
    if decision.to.kind == "outside" and person is not None:
        barred = outbound.barred(call.tenant, person.class_of_service, decision.to.value, person.caller_id)
        if barred is not None:
            call.note(barred)
            return await refused(call, wish, 403)
    if stays is not None and decision.to == Destination("user", stays.id):
        call.note(Reason("transfer_to_itself", user=stays.id))
        return await refused(call, wish, 482)
    wish.accept()
    call.dialler = person
    await part(call, wish, str(decision.to))
    return decision.to


async def came_back(call: Call) -> Destination | None:
    """Nobody has answered the call that was sent on: the transferrer has it again."""
    assert call.onward is not None
    onward = give_up(call, call.onward.status)
    assert onward is not None
    if not onward.by.gone.done():
        call.note(Reason("transfer_back", leg=onward.by.label, status=onward.status))
        await rejoin(call, onward.by)
        return None
    target = onward.by.target
    if not isinstance(target, DeviceTarget):
        return Destination("hang_up")
    call.note(Reason("transfer_rings_back", user=target.user, status=onward.status))
    return Destination("user", target.user)


async def _attended(call: Call, wish: Wish, other: Call, leg: Leg) -> Destination | None:
    call.note(Reason("transferred_to_call", leg=wish.by.label, call=other.record.id))
    wish.accept()
    by = turn_to(call, wish.by)
    call.onward = Onward(by, call.happened.sent_on(by, other.record.id, "attended", call.moment()), wish)
    if await join(call, other, other.record.path[-1], leg):
        return None
    give_up(call, GONE)
    call.note(Reason("transfer_back", leg=by.label, status=GONE))
    await rejoin(call, by)
    return None


async def claimed(call: Call, claim: Claim) -> Destination | None:
    """Somebody of another call comes in place of one of the two who talk."""
    call.note(Reason("joined_by", leg=claim.leg.label))
    if claim.leaving is not None:
        entry = call.happened.sent_on(claim.leaving, claim.leg.label, "joined", call.moment())
        call.onward = Onward(claim.leaving, entry)
    await call.bridge(claim.leg, call.record.path[-1])
    return None
