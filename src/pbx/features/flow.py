"""A flow: the first step whose condition holds; `for … otherwise: next` goes on when nobody answers (behaviour R22)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.features.outside import ring_outside
from pbx.features.ring_group import ring_members
from pbx.features.user import ring_user
from pbx.model.objects import Destination
from pbx.routing import decide
from pbx.routing.reason import Reason


async def flow(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    steps = call.tenant.flows[to.value]
    start = 0
    while True:
        decision = decide.flow(call.tenant, steps, call.facts(), start=start)
        call.note(*decision.reasons)
        if decision.next_step is not None:
            call.took("flows", steps.id, decision.next_step - 1)
        if not decision.otherwise_next or decision.next_step is None:
            return decision.to
        if await _served(call, decision.to, decision.for_ or 20.0):
            return None
        call.note(Reason("step_no_answer", to=decision.to, seconds=decision.for_ or 20.0))
        start = decision.next_step


async def _served(call: Call, to: Destination, within: float) -> bool:
    """Ring a person, a group or an outside number for a while; True when the call was answered there."""
    match to.kind:
        case "user":
            return (await ring_user(call, call.tenant.users[to.value], within=within)).status == 200
        case "ring_group":
            return (await ring_members(call, call.tenant.ring_groups[to.value], within=within)).status == 200
        case "outside":
            return (await ring_outside(call, to.value, within=within)).status == 200
    raise ValueError(f"`for` cannot wait at {to}: only a user, a ring_group or an outside number rings")
