"""Somebody is called into a conference room (behaviour R13): by its moderator's keys, or by the API."""

from __future__ import annotations

from collections.abc import Sequence

from pbx.calls.call import Call
from pbx.calls.leg import Branch, CallerId
from pbx.features.click_to_call import RING_TIME, own_devices
from pbx.features.user import as_set, main_number, outside_branch, takes_no_call
from pbx.model.objects import Destination, User
from pbx.routing import decide
from pbx.routing.reason import Reason


async def invited(call: Call) -> Destination | None:
    """Who is dialled is rung as the one who invites may dial; who answers is in, and asked for no PIN."""
    decision = decide.dialled(call.tenant, call.record.dialled)
    call.note(Reason("invited", conference=call.invited_to, digits=call.record.dialled), *decision.reasons)
    by, shown = call.dialler, call.tenant.services.conferences[call.invited_to].extension
    branches = telephones(call, decision.to, by, CallerId(shown, by.name if by is not None else ""))
    if decision.to.kind == "outside":
        call.record.direction = "outbound"
    if not branches:
        call.reject(404)
        return None
    outcome = await call.fetch(branches, within=RING_TIME)
    if outcome.status != 200:
        call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason)
        return None
    return Destination("conference", call.invited_to)


def telephones(call: Call, to: Destination, by: User | None, shown: CallerId) -> Sequence[Branch]:
    """Telephones of a person that register, which see `shown`, or an outside number as `by` may dial it. A mobile is
    rung by its number alone."""
    if to.kind == "user":
        person = as_set(call, to.value)
        if (why := takes_no_call(call, person)) is not None:
            call.note(why)
            return ()
        branches = own_devices(call, person)
        for branch in branches:
            branch.caller_id = shown
        return branches
    if to.kind != "outside":
        return ()
    return [
        outside_branch(
            call,
            str(to),
            to.value,
            class_of_service=by.class_of_service if by is not None else "national",
            own_number=by.caller_id if by is not None else None,
            user=by.id if by is not None else None,
            shown=(by.caller_id if by is not None else None) or main_number(call),
        )
    ]
