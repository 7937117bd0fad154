"""Out into the world: class of service, routes with failover, emergency calls (behaviour R06, R07, R11)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.calls.leg import Branch, CallerId, Outcome, TrunkTarget
from pbx.features.announcement import tell_and_refuse
from pbx.features.user import LIMITED, main_number, outside_branch
from pbx.model.objects import Destination
from pbx.routing import outbound

RING_TIME = 180.0  # seconds; carriers end their own ringing earlier
BARRED_PROMPT = "system-barred"


async def outside(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    if call.onward is None:
        call.record.direction = "outbound"
    person = call.dialler
    own = person.caller_id if person else call.record.number
    reason = outbound.barred(call.tenant, person.class_of_service if person else "national", to.value, own)
    if reason is not None:
        call.note(reason)
        await tell_and_refuse(call, BARRED_PROMPT, 403)
        return None
    outcome = await ring_outside(call, to.value, within=RING_TIME)
    if outcome is LIMITED:
        await tell_and_refuse(call, BARRED_PROMPT, 403)
    elif outcome.status != 200:
        call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason, outcome.cause)
    return None


async def ring_outside(call: Call, number: str, *, within: float) -> Outcome:
    """Ring an outside number over the routes; when it answers, talk until the end."""
    person = call.dialler
    branch = outside_branch(
        call,
        number,
        number,
        class_of_service=person.class_of_service if person else "national",
        own_number=person.caller_id if person else None,
        user=person.id if person else None,
        shown=(person.caller_id or main_number(call)) if person else None,
    )
    return await _ring(call, branch, within)


async def _ring(call: Call, branch: Branch, within: float) -> Outcome:
    outcome, leg = await call.dial([branch], within=within)
    if leg is not None:
        node = f"trunk/{leg.target.trunk.id}" if isinstance(leg.target, TrunkTarget) else branch.node
        await call.bridge(leg, node)
    return outcome


async def emergency(call: Call, to: Destination) -> Destination | None:
    """An emergency call leaves by the caller's location, with its number; nothing bars it (behaviour R11)."""
    call.enter(to)
    call.record.direction = "outbound"
    caller_id, trunks, reasons = outbound.emergency(call.tenant, call.dialler, state=call.state.trunk)
    call.note(*reasons)
    _raise_alarm(call, to.value, caller_id)
    branch = Branch(
        node=str(to),
        attempts=[TrunkTarget(to.value, trunk, emergency=True) for trunk in trunks],
        caller_id=CallerId(caller_id),
    )
    outcome = await _ring(call, branch, RING_TIME)
    if outcome.status != 200:
        call.reject(outcome.status, outcome.reason)
    return None


def _raise_alarm(call: Call, number: str, shown: str | None) -> None:
    """Somebody of the company shall know at once who calls for help, and from where (behaviour R11)."""
    person = call.dialler
    place = call.tenant.locations.get(person.location) if person is not None and person.location else None
    call.tell(
        "emergency.dialled",
        number=number,
        caller=call.party.number,
        user=person.id if person is not None else None,
        source=call.record.source,
        location=place.id if place is not None else None,
        address=place.address if place is not None else None,
        shown=shown,
    )
    who = f"{person.name or person.id} ({call.party.number or 'no number'})" if person is not None else "somebody"
    where = f"location/{place.id}, {place.address}" if place is not None else "an unknown place"
    call.state.alert(f"{number} is called by {who} on {call.record.source} at {where}; shown is {shown}")
