"""The decisions of a call: what a called number, a dialled string or a flow leads to."""

from __future__ import annotations

from pbx.model.objects import Destination, Flow, Tenant
from pbx.routing.condition import holds
from pbx.routing.decision import Decision, Facts
from pbx.routing.numbers import dialled_to_e164

NOT_FOUND = Destination("reject", "404")


def inbound(tenant: Tenant, number: str, trunk_key: str) -> Decision:
    """An outside call to one of the tenant's numbers over a trusted trunk (behaviour R01, R23)."""
    entry = tenant.numbers.get(number)
    if entry is None:
        return Decision(NOT_FOUND, (f"{number} is not a number of {tenant.id}",))
    reasons = []
    if all(trunk.key != trunk_key for trunk in tenant.trunks.values()):
        return Decision(NOT_FOUND, (f"trunk {trunk_key} is not one that {tenant.id} uses",))
    if entry.trunk and tenant.trunks[entry.trunk].key != trunk_key:
        reasons.append(f"expected over trunk/{entry.trunk}, came over {trunk_key}: taken")
    if entry.state == "quarantine":
        return Decision(NOT_FOUND, (*reasons, f"{number} is in quarantine"))
    if entry.state == "suspended":
        return Decision(Destination("announcement", "system-suspended"), (*reasons, f"{number} is suspended"))
    return Decision(entry.to, (*reasons, f"number {number}: to {entry.to}"))


def dialled(tenant: Tenant, digits: str) -> Decision:
    """What a user of the tenant dialled: emergency first, then extensions, then the outside (behaviour R11, R06)."""
    if digits in tenant.emergency_numbers:
        return Decision(Destination("emergency", digits), (f"{digits} is an emergency number",))
    own = tenant.extensions.get(digits)
    if own is not None:
        return Decision(own, (f"extension {digits}: {own}",))
    number = dialled_to_e164(tenant, digits)
    if number is None:
        return Decision(NOT_FOUND, (f"{digits} is no extension and no number that can be dialled",))
    if number in tenant.numbers:
        # Our own number, dialled from inside: the same story as from outside, without leaving the house.
        return Decision(Destination("number", number), (f"{digits} is our own number {number}",))
    return Decision(Destination("outside", number), (f"{digits} is the outside number {number}",))


def flow(tenant: Tenant, flow: Flow, facts: Facts, *, start: int = 0) -> Decision:
    """The first step from `start` whose condition holds; a flow that runs out of steps hangs up."""
    reasons = []
    for index in range(start, len(flow.steps)):
        step = flow.steps[index]
        held, why = holds(step.when, tenant, facts) if step.when is not None else (True, "no condition")
        if held:
            reasons.append(f"flow/{flow.id} step {index + 1}: {why}: to {step.to}")
            return Decision(step.to, tuple(reasons), index + 1, step.for_, step.otherwise_next)
        reasons.append(f"flow/{flow.id} step {index + 1} not taken: {why}")
    return Decision(Destination("hang_up"), (*reasons, f"flow/{flow.id}: no step is left"))
