from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pbx.analysis import week
from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.analysis.story import NOBODY
from pbx.model.objects import Flow, Tenant
from pbx.routing import decide
from pbx.routing.decision import Facts

RULE = Rule(
    "hours-not-covered",
    "warning",
    "hours that no step of a flow by hours is for",
    reason="Whoever calls in an hour that was forgotten falls to the last step, and when that hangs up or refuses, the "
    "call is cut off without a word. An announcement as the last step covers every hour.",
    wrong="""
schedules:
  day: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}]}
  evening: {open: [{days: [MO, TU, WE, TH, FR], hours: ["19:00-23:00"]}]}
flows:
  main:
    - {when: {open: schedule/day}, to: user/anna}
    - {when: {open: schedule/evening}, to: user/boris}
    - {to: {hang_up: true}}
numbers:
  "+74951000100": {to: flow/main}
""",
    right="""
schedules:
  day: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}]}
  evening: {open: [{days: [MO, TU, WE, TH, FR], hours: ["18:00-23:00"]}]}
flows:
  main:
    - {when: {open: schedule/day}, to: user/anna}
    - {when: {open: schedule/evening}, to: user/boris}
    - {to: announcement/closed}
numbers:
  "+74951000100": {to: flow/main}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        ordinary = week.ordinary(tenant.model)
        for flow in ordinary.flows.values():
            if week.asked([flow]) and flow.steps[-1].to.kind in ("hang_up", "reject"):
                every = week.spans(ordinary, [flow], context.at)
                yield from _finding(tenant, ordinary, flow, every)


def _finding(tenant: View, ordinary: Tenant, flow: Flow, every: list[week.Span]) -> Iterator[Finding]:
    found = week.where(every, lambda at: _falls_to_the_last(ordinary, flow, at))
    if found:
        hours = week.in_hours(found, every)
        last = flow.steps[-1].to
        does = "hangs up" if last.kind == "hang_up" else f"refuses with {last.value}"
        message = (
            f"{does} without a word at hours that no step is for: {hours}; lead it to an announcement, or add a step"
        )
        yield tenant.finding(("flows", flow.id, len(flow.steps) - 1, "to"), message)


def _falls_to_the_last(tenant: Tenant, flow: Flow, at: datetime) -> bool:
    """Does a caller whom no list knows come to the last step without having rung anywhere?"""
    decision = decide.flow(tenant, flow, Facts(at=at, caller=NOBODY, language=tenant.languages[0]))
    return decision.next_step == len(flow.steps)
