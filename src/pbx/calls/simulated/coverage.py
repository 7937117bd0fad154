"""Which branches of a tenant's model its tests reached: numbers, steps of flows, keys and ways out of menus and queues,
what people forward; and of what flows ask (hours, switches, shares, facts, lookups) each answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pbx.calls.simulated.rehearsal import Result
from pbx.model.objects import (
    AllOf,
    AnyOf,
    Closed,
    Condition,
    FactIs,
    Flow,
    Not,
    Open,
    OverrideOn,
    Share,
    Tenant,
)
from pbx.model.problems import Path
from pbx.routing.condition import holds

Place = tuple[str | int, ...]


@dataclass(slots=True)
class Coverage:
    """Places of the model by whether a test reached them; `hours` are (schedule, open or closed)."""

    reached: list[Path] = field(default_factory=list)
    missed: list[Path] = field(default_factory=list)

    @property
    def share(self) -> float:
        """From 0 to 1; a model without branches is covered."""
        total = len(self.reached) + len(self.missed)
        return len(self.reached) / total if total else 1.0


def coverage(tenant: Tenant, results: Iterable[Result]) -> Coverage:
    """Sort every branch of the model into reached and missed. Numbers of a range count each by itself."""
    seen: set[Place] = set()
    for result in results:
        seen |= result.told.branches
        seen |= set(_answers(tenant, result))
    out = Coverage()
    for place in branches(tenant):
        (out.reached if place in seen else out.missed).append(place)
    return out


def branches(tenant: Tenant) -> Iterator[Path]:
    """Everything that a test could reach, in the order of the model."""
    yield from (("numbers", number) for number in tenant.numbers)
    asked: dict[Place, None] = {}
    for flow in tenant.flows.values():
        yield from (("flows", flow.id, index) for index in range(len(flow.steps)))
        asked |= dict.fromkeys(place for condition in conditions_of(flow) for place in _both(condition))
    for menu in tenant.ivrs.values():
        yield from (("ivrs", menu.id, "keys", key) for key in menu.keys)
        if menu.direct_dial:
            yield ("ivrs", menu.id, "direct_dial")
        yield ("ivrs", menu.id, "on_timeout")
        yield ("ivrs", menu.id, "on_invalid")
    yield from (("ring_groups", group, "on_no_answer") for group in tenant.ring_groups)
    for queue in tenant.services.queues:
        yield from (("queues", queue, way) for way in ("on_timeout", "on_full", "on_empty"))
    for box in tenant.services.voicemails.values():
        if box.operator is not None:
            yield ("voicemails", box.id, "operator")
    for user in tenant.users.values():
        yield from (("users", user.id, "forward", when) for when in user.forward)
    for lookup in dict.fromkeys(lookups_of(tenant)):
        yield from (("lookups", lookup, answer) for answer in ("answered", "no_answer"))
    yield from asked


def lookups_of(tenant: Tenant) -> Iterator[str]:
    """The lookups that flows ask."""
    return (step.to.value for flow in tenant.flows.values() for step in flow.steps if step.facts_as is not None)


def conditions_of(flow: Flow) -> Iterator[Condition]:
    """The single conditions in those of a flow, out of `any`, `not` and the rest."""
    for step in flow.steps:
        yield from _single(step.when)


def _single(condition: Condition | None) -> Iterator[Condition]:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _single(part)
        case Not(part):
            yield from _single(part)
        case None:
            return
        case _:
            yield condition


def _both(condition: Condition) -> Iterator[Place]:
    """Both answers to a condition whose answer is no step by itself."""
    match condition:
        case Open(schedules) | Closed(schedules):
            yield from (("schedules", name, state) for name in schedules for state in ("open", "closed"))
        case OverrideOn(overrides):
            yield from (("overrides", name, state) for name in overrides for state in ("on", "off"))
        case Share(_, draw):
            yield from (("shares", draw, state) for state in ("inside", "outside"))
        case FactIs(fact, values):
            yield from (("facts", f"{fact}={'|'.join(map(str, values))}", state) for state in ("holds", "fails"))


def _answers(tenant: Tenant, result: Result) -> Iterator[Place]:
    """The answers that the flows of a call got to what they asked."""
    facts = result.told.facts
    flows = [node.partition("/")[2] for node in result.told.record.path if node.startswith("flow/")]
    for condition in (each for flow in flows for each in conditions_of(tenant.flows[flow])):
        match condition:
            case Open(schedules) | Closed(schedules):
                for name in schedules:
                    opened, _why = holds(Open((name,)), tenant, facts)
                    yield ("schedules", name, "open" if opened else "closed")
            case OverrideOn(overrides):
                yield from (("overrides", name, "on" if name in facts.overrides else "off") for name in overrides)
            case Share() | FactIs():
                held, _why = holds(condition, tenant, facts)
                yield tuple(_both(condition))[0 if held else 1]
