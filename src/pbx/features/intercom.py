"""Intercom: the desk phones of a person answer by themselves, on the loudspeaker (behaviour R09)."""

from __future__ import annotations

from dataclasses import replace

from pbx.calls.call import Call
from pbx.features.paging import may_page
from pbx.features.user import RING_TIME, as_set, branches_of
from pbx.model.objects import Destination
from pbx.routing.reason import Reason


async def intercom(call: Call, number: str) -> Destination | None:
    """Only desk phones, and no forwarding: whoever is not there is not called elsewhere."""
    to = call.tenant.extensions.get(number)
    person = call.tenant.users.get(to.value) if to is not None and to.kind == "user" else None
    desks = {name: one for name, one in person.devices.items() if one.type == "desk_phone"} if person else {}
    if person is None or not desks:
        call.note(Reason("no_intercom", digits=number or "–"))
        call.reject(404)
        return None
    if not may_page(call, person):
        call.reject(403)
        return None
    branches = branches_of(call, replace(as_set(call, person.id), devices=desks))
    for branch in branches:
        branch.caller_id = replace(branch.caller_id, answers_itself=True)
    outcome, leg = await call.dial(branches, within=RING_TIME)
    if leg is not None:
        await call.bridge(leg, f"user/{person.id}")
    else:
        call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason)
    return None
