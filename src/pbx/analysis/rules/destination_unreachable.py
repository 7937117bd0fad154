from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis import reach
from pbx.analysis.rule import Context, Finding, Rule
from pbx.analysis.ways import ways
from pbx.model.objects import Destination, Tenant
from pbx.model.problems import Path

RULE = Rule(
    "destination-unreachable",
    "error",
    "a destination at which nothing can ring",
    reason="A person without devices, or an outside number that no route leads to or that is barred, refuses every "
    "call that is sent there. Callers from outside may be led on within the country only (class_of_service/national).",
    wrong="""
users:
  clara: {extension: "203"}
numbers:
  "+74951000100": {to: user/clara}
""",
    right="""
users:
  clara: {extension: "203", location: location/msk, devices: {desk: {type: desk_phone}}}
numbers:
  "+74951000100": {to: user/clara}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        model = tenant.model
        told: dict[Destination, str | None] = {}
        for path, to in _destinations(model):
            if to.kind in ("user", "outside"):
                if to not in told:
                    told[to] = _why_not(model, to)
                if told[to]:
                    message = f"every call here is refused: {told[to]}; mend it, or lead calls elsewhere"
                    yield tenant.finding(path, message)


def _destinations(model: Tenant) -> Iterator[tuple[Path, Destination]]:
    """Every place that names a destination, members of groups and agents apart: other rules look at those."""
    for number in model.numbers.values():
        yield ("numbers", number.number, "to"), number.to
    for way in ways(model):
        if way.path[2] not in ("members", "agents"):
            yield way.path, way.to


def _why_not(model: Tenant, to: Destination) -> str | None:
    if to.kind == "user":
        return reach.why_not_user(model, model.users[to.value])
    return reach.why_not_outside(model, to.value, "national", None)
