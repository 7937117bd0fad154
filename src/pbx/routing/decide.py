"""The decisions of a call: what a called number, a dialled string or a flow leads to."""

from __future__ import annotations

from pbx.model.objects import Destination, Flow, Tenant
from pbx.routing.condition import holds
from pbx.routing.decision import Decision, Facts
from pbx.routing.numbers import dialled_to_e164
from pbx.routing.reason import Reason

NOT_FOUND = Destination("reject", "404")


def inbound(tenant: Tenant, number: str, trunk_key: str) -> Decision:
    """An outside call to one of the tenant's numbers over a trusted trunk (behaviour R01, R23)."""
    entry = tenant.numbers.get(number)
    if entry is None:
        return Decision(NOT_FOUND, (Reason("number_unknown", number=number, tenant=tenant.id),))
    reasons = []
    if all(trunk.key != trunk_key for trunk in tenant.trunks.values()):
        return Decision(NOT_FOUND, (Reason("trunk_not_used", trunk=trunk_key, tenant=tenant.id),))
    if entry.trunk and tenant.trunks[entry.trunk].key != trunk_key:
        reasons.append(Reason("trunk_unexpected", expected=entry.trunk, trunk=trunk_key))
    if entry.state == "quarantine":
        return Decision(NOT_FOUND, (*reasons, Reason("number_quarantined", number=number)))
    if entry.state == "suspended":
        told = Destination("announcement", "system-suspended")
        return Decision(told, (*reasons, Reason("number_suspended", number=number)))
    return Decision(entry.to, (*reasons, Reason("number_to", number=number, to=entry.to)))


def dialled(tenant: Tenant, digits: str) -> Decision:
    """What a user of the tenant dialled: emergency first, then extensions, then the outside (behaviour R11, R06)."""
    if digits in tenant.emergency_numbers:
        return Decision(Destination("emergency", digits), (Reason("dialled_emergency", digits=digits),))
    own = tenant.extensions.get(digits)
    if own is not None:
        return Decision(own, (Reason("dialled_extension", digits=digits, to=own),))
    number = dialled_to_e164(tenant, digits)
    if number is None:
        return Decision(NOT_FOUND, (Reason("dialled_nothing", digits=digits),))
    if number in tenant.numbers:
        # Our own number, dialled from inside: the same story as from outside, without leaving the house.
        return Decision(Destination("number", number), (Reason("dialled_own", digits=digits, number=number),))
    return Decision(Destination("outside", number), (Reason("dialled_outside", digits=digits, number=number),))


def flow(tenant: Tenant, flow: Flow, facts: Facts, *, start: int = 0) -> Decision:
    """The first step from `start` whose condition holds; a flow that runs out of steps hangs up."""
    reasons = []
    for index in range(start, len(flow.steps)):
        step = flow.steps[index]
        held, why = holds(step.when, tenant, facts) if step.when is not None else (True, Reason("no_condition"))
        if held:
            reasons.append(Reason("step_taken", flow=flow.id, step=index + 1, why=why, to=step.to))
            return Decision(step.to, tuple(reasons), index + 1, step.for_, step.otherwise_next)
        reasons.append(Reason("step_not_taken", flow=flow.id, step=index + 1, why=why))
    return Decision(Destination("hang_up"), (*reasons, Reason("steps_over", flow=flow.id)))
