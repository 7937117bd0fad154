"""Which branches of a tenant's model its tests reached: numbers, steps of flows, keys and ways out of menus, hours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass

from pbx.calls.simulated.rehearsal import Result
from pbx.model.objects import Closed, Flow, Open, Tenant
from pbx.model.problems import Path
from pbx.routing.schedule import is_open

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
        seen |= set(_hours(tenant, result))
    out = Coverage()
    for place in branches(tenant):
        (out.reached if place in seen else out.missed).append(place)
    return out


def branches(tenant: Tenant) -> Iterator[Path]:
    """Everything that a test could reach, in the order of the model."""
    yield from (("numbers", number) for number in tenant.numbers)
    used: dict[str, None] = {}
    for flow in tenant.flows.values():
        yield from (("flows", flow.id, index) for index in range(len(flow.steps)))
        used |= dict.fromkeys(schedules_of(flow))
    for menu in tenant.ivrs.values():
        yield from (("ivrs", menu.id, "keys", key) for key in menu.keys)
        if menu.direct_dial:
            yield ("ivrs", menu.id, "direct_dial")
        yield ("ivrs", menu.id, "on_timeout")
        yield ("ivrs", menu.id, "on_invalid")
    yield from (("ring_groups", group, "on_no_answer") for group in tenant.ring_groups)
    yield from (("schedules", name, state) for name in used for state in ("open", "closed"))


def schedules_of(flow: Flow) -> Iterator[str]:
    """The schedules that the conditions of a flow name."""
    for step in flow.steps:
        yield from _named(step.when)


def _named(condition: object) -> Iterator[str]:
    if isinstance(condition, Open | Closed):
        yield from condition.schedules
    elif isinstance(condition, tuple):
        for part in condition:
            yield from _named(part)
    elif is_dataclass(condition):
        for part in fields(condition):
            yield from _named(getattr(condition, part.name))


def _hours(tenant: Tenant, result: Result) -> Iterator[Place]:
    """The states, at the test's hour, of the schedules that its flows asked."""
    for node in result.told.record.path:
        kind, _, name = node.partition("/")
        if kind != "flow":
            continue
        for schedule in schedules_of(tenant.flows[name]):
            opened, _why = is_open(
                tenant.schedules[schedule], tenant.calendars, result.test.at, default_zone=tenant.timezone
            )
            yield ("schedules", schedule, "open" if opened else "closed")
