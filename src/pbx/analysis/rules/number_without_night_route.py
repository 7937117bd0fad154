from __future__ import annotations

from collections.abc import Iterator, Mapping

from pbx.analysis import week
from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.analysis.story import Story, story
from pbx.analysis.ways import ways
from pbx.model.objects import Destination, Flow, Tenant

RULE = Rule(
    "number-without-night-route",
    "warning",
    "a number whose callers are cut off when nobody is there",
    reason="At night, or when nobody answers, callers should hear why and what to do. Two shapes do not tell them: a "
    "step for closed hours that hangs up or refuses, and a number that rings a group at any hour and hangs up when "
    "nobody answers. The number of a single person is left alone: what happens then is the person's own setting.",
    wrong="""
ring_groups:
  office: {members: [user/anna, user/boris], on_no_answer: {hang_up: true}}
numbers:
  "+74951000100": {to: ring_group/office}
""",
    right="""
ring_groups:
  office: {members: [user/anna, user/boris], on_no_answer: announcement/closed}
numbers:
  "+74951000100": {to: ring_group/office}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        ordinary = week.ordinary(tenant.model)
        leading: dict[Destination, list[str]] = {}
        for number in tenant.model.numbers.values():
            if number.state == "active" and number.to.kind in ("flow", "ring_group"):
                leading.setdefault(number.to, []).append(number.number)
        leads: dict[str, list[Destination]] = {}
        for way in ways(tenant.model) if leading else ():
            if way.by_itself:
                leads.setdefault(way.source, []).append(way.to)
        for to, numbers in leading.items():
            flows = _flows_from(tenant.model, to, leads)
            every = week.spans(ordinary, flows, context.at)
            message = _message(ordinary, to, numbers[0], every, bool(week.asked(flows))) if every else ""
            if message:
                more = f" (and {len(numbers) - 1} more that lead there)" if len(numbers) > 1 else ""
                yield tenant.finding(("numbers", _first(tenant, numbers), "to"), f"{message}{more}")


def _first(tenant: View, numbers: list[str]) -> str:
    """The one that stands highest in the files."""
    return min(numbers, key=lambda number: tenant.folder.place(("numbers", tenant.number_keys[number])))


def _message(tenant: Tenant, to: Destination, number: str, every: list[week.Span], by_hours: bool) -> str:
    if not by_hours:
        one = story(tenant, number, every[0][0])
        if one.silent and one.rung:
            return (
                f"{to} rings at any hour, and when nobody answers the call is {_cut(one)} without a word; lead it "
                "through a flow with hours, or to an announcement in the end"
            )
        return ""
    silent: dict[week.Span, Story] = {}
    for span in every:
        one = story(tenant, number, span[0])
        if one.silent and not one.rung and not one.fell_through:
            silent[span] = one
    if not silent:
        return ""
    return (
        f"calls are {_cut(next(iter(silent.values())))} without a word: {week.in_hours(silent, every)}; lead them to "
        "an announcement, or to people on duty"
    )


def _flows_from(tenant: Tenant, to: Destination, leads: Mapping[str, list[Destination]]) -> list[Flow]:
    """The flows through which a call may come by itself."""
    seen, open_ = {to}, [to]
    while open_:
        following = set(leads.get(str(open_.pop()), ())) - seen
        seen |= following
        open_ += following
    return [tenant.flows[each.value] for each in seen if each.kind == "flow"]


def _cut(one: Story) -> str:
    return f"refused with {one.end.value}" if one.end and one.end.kind == "reject" else "hung up"
