"""The decisions of a call: what a called number, a dialled string or a flow leads to."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from zoneinfo import ZoneInfo

from pbx.model import feature_codes
from pbx.model.objects import Destination, Flow, Number, Tenant
from pbx.routing.condition import holds
from pbx.routing.decision import Decision, Facts
from pbx.routing.numbers import dialled_to_e164
from pbx.routing.reason import Reason

NOT_FOUND = Destination("reject", "404")


def inbound(tenant: Tenant, number: str, trunk_key: str, at: datetime) -> Decision:
    """An outside call to one of the tenant's numbers over a trusted trunk (behaviour R01, R23).

    A number that is suspended or in quarantine comes back after its last day `until`, on the tenant's clock.
    """
    entry = tenant.numbers.get(number)
    if entry is None:
        return Decision(NOT_FOUND, (Reason("number_unknown", number=number, tenant=tenant.id),))
    reasons = []
    if all(trunk.key != trunk_key for trunk in tenant.trunks.values()):
        return Decision(NOT_FOUND, (Reason("trunk_not_used", trunk=trunk_key, tenant=tenant.id),))
    if entry.trunk and tenant.trunks[entry.trunk].key != trunk_key:
        reasons.append(Reason("trunk_unexpected", expected=entry.trunk, trunk=trunk_key))
    if entry.state != "active" and _is_back(tenant, entry, at):
        return Decision(entry.to, (*reasons, Reason("number_is_back", number=number, day=entry.until, to=entry.to)))
    if entry.state == "quarantine":
        return Decision(NOT_FOUND, (*reasons, Reason("number_quarantined", number=number)))
    if entry.state == "suspended":
        told = Destination("announcement", "system-suspended")
        return Decision(told, (*reasons, Reason("number_suspended", number=number)))
    return Decision(entry.to, (*reasons, Reason("number_to", number=number, to=entry.to)))


def _is_back(tenant: Tenant, entry: Number, at: datetime) -> bool:
    return entry.until is not None and at.astimezone(ZoneInfo(tenant.timezone)).date() > entry.until


def dialled(tenant: Tenant, digits: str) -> Decision:
    """What a user of the tenant dialled: emergency first, then extensions, then the outside (behaviour R11, R06)."""
    if digits in tenant.emergency_numbers:
        return Decision(Destination("emergency", digits), (Reason("dialled_emergency", digits=digits),))
    if digits.startswith("*"):
        if (code := feature_codes.read(tenant.feature_codes, digits)) is not None:
            to = Destination("feature_code", "/".join(filter(None, code)))
            return Decision(to, (Reason("dialled_feature_code", digits=digits, name=code[0]),))
        for switch in tenant.services.overrides.values():
            if switch.code == digits:
                to = Destination("override", switch.id)
                return Decision(to, (Reason("dialled_code", digits=digits, override=switch.id),))
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
    """The first step from `start` whose condition holds; a flow that runs out of steps hangs up.

    A step `to: {from: FACT}` whose fact leads nowhere is passed over, with the reason.
    """
    reasons = []
    for index in range(start, len(flow.steps)):
        step = flow.steps[index]
        held, why = holds(step.when, tenant, facts) if step.when is not None else (True, Reason("no_condition"))
        if not held:
            reasons.append(Reason("step_not_taken", flow=flow.id, step=index + 1, why=why))
            continue
        to: Destination | None = step.to
        if step.to.kind == "fact":
            to, told = resolve(tenant, facts, step.to.value)
            if to is None:
                reasons.append(Reason("step_passed_over", flow=flow.id, step=index + 1, why=told))
                continue
            why = told if step.when is None or why == told else Reason("all", whys=(why, told))
        assert to is not None
        reasons.append(Reason("step_taken", flow=flow.id, step=index + 1, why=why, to=to))
        return Decision(to, tuple(reasons), index + 1, step.for_, step.otherwise_next, step.facts_as)
    return Decision(Destination("hang_up"), (*reasons, Reason("steps_over", flow=flow.id)))


def resolve(tenant: Tenant, facts: Facts, fact: str) -> tuple[Destination | None, Reason]:
    """Where a fact of a lookup leads: it holds `kind/id`, an extension, a user's id, or a number as people dial it."""
    value = facts.lookups.get(fact)
    if value is None:
        return None, Reason("fact_unknown", fact=fact)
    to = named(tenant, str(value).strip())
    if to is None:
        return None, Reason("fact_leads_nowhere", fact=fact, value=value)
    return to, Reason("fact_is", fact=fact, value=value)


def named(tenant: Tenant, text: str) -> Destination | None:
    """What a text names: `kind/id`, a user's id, an extension, or a number as people dial it; None for nothing."""
    kind, slash, name = text.partition("/")
    if slash:
        return Destination(kind, name) if name in _objects(tenant, kind) else None
    if text in tenant.users:
        return Destination("user", text)
    if text in tenant.extensions:
        return tenant.extensions[text]
    number = dialled_to_e164(tenant, text)
    if number is None:
        return None
    return Destination("number" if number in tenant.numbers else "outside", number)


def _objects(tenant: Tenant, kind: str) -> Container[str]:
    """What of a kind a call may be sent to."""
    match kind:
        case "user" | "ring_group" | "flow" | "ivr" | "announcement":
            found: Container[str] = getattr(tenant, f"{kind}s")
            return found
        case "queue" | "voicemail" | "conference":
            found = getattr(tenant.services, f"{kind}s")
            return found
    return ()
