"""A flow: the first step whose condition holds; `for … otherwise: next` goes on when nobody answers (behaviour R22).

A step that asks a CRM (behaviour R24) goes on with the next one, whatever came of it.
"""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.features.outside import ring_outside
from pbx.features.queue import wait_in
from pbx.features.ring_group import ring_members
from pbx.features.user import as_set, diverted, ring_forward, ring_user
from pbx.model.objects import Destination, User
from pbx.routing import decide, own
from pbx.routing.reason import Reason

RINGS = ("user", "ring_group", "queue", "outside")  # where somebody may answer


async def flow(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    steps = call.tenant.flows[to.value]
    start = 0
    while True:
        decision = decide.flow(call.tenant, steps, call.facts(), start=start)
        call.note(*decision.reasons)
        if decision.next_step is not None:
            call.took("flows", steps.id, decision.next_step - 1)
        if decision.next_step is not None and decision.facts_as is not None:
            await _ask(call, decision.to.value, decision.facts_as)
        elif not decision.otherwise_next or decision.next_step is None:
            return decision.to
        elif decision.to.kind not in RINGS:  # a fact may lead anywhere
            call.note(Reason("step_rings_nobody", to=decision.to))
            return decision.to
        elif await _served(call, decision.to, decision.for_ or 20.0):
            return None
        else:
            call.note(Reason("step_no_answer", to=decision.to, seconds=decision.for_ or 20.0))
        start = decision.next_step


async def _ask(call: Call, lookup: str, name: str) -> None:
    """Ask a CRM; what it knows is known to the call by `NAME.FACT`. No answer is an answer without facts."""
    entry = call.tenant.services.lookups[lookup]
    facts = await call.state.look_up(entry, call.record.caller)
    call.took("lookups", lookup, "no_answer" if facts is None else "answered")
    if facts is None:
        call.note(Reason("lookup_silent", lookup=lookup, seconds=entry.timeout))
        return
    told = tuple(Reason("fact_is", fact=f"{name}.{fact}", value=value) for fact, value in facts.items())
    call.note(Reason("lookup_told", lookup=lookup, facts=told or Reason("nothing_known")))
    call.known = {**call.known, **{f"{name}.{fact}": value for fact, value in facts.items()}}


async def _served(call: Call, to: Destination, within: float) -> bool:
    """Ring a person, a group or an outside number for a while; True when the call was answered there."""
    tenant = call.tenant
    match to.kind:
        case "user":
            return await _person_answers(call, as_set(call, to.value), within)
        case "ring_group":
            return (await ring_members(call, tenant.ring_groups[to.value], within=within)).status == 200
        case "queue":
            return await wait_in(call, tenant.services.queues[to.value], within=within) is None
    return (await ring_outside(call, to.value, within=within)).status == 200


async def _person_answers(call: Call, person: User, within: float) -> bool:
    """Ring a person, or whoever takes every call in place of the person. The flow says what follows when nobody
    answers, so the other settings of the person wait for a call that is theirs."""
    always = person.forward.get("always")
    if always is None:
        return (await ring_user(call, person, within=within)).status == 200
    call.took("users", person.id, "forward", "always")
    why = Reason("forwarded_always", user=person.id, to=always.to)
    call.note(own.told(call.tenant, person, "forward.always", why))
    diverted(call, person, "always")
    if always.to.kind == "outside":
        return (await ring_forward(call, person, always, within=within)).status == 200
    if always.to.kind == "user" and "always" not in (other := as_set(call, always.to.value)).forward:
        return (await ring_user(call, other, within=within)).status == 200
    return False
