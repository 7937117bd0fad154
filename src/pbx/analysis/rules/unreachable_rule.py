from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis import logic
from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import Condition, Flow, NumberIs

RULE = Rule(
    "unreachable-rule",
    "warning",
    "a step of a flow that no call reaches",
    reason="Steps are tried from top to bottom and the first that holds takes the call. A step behind one that takes "
    "the same calls does nothing, although its author and its reviewer believe that it does.",
    wrong="""
schedules:
  office: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}]}
flows:
  main:
    - {when: {open: schedule/office}, to: user/anna}
    - {when: {open: schedule/office, caller: "+7495*"}, to: user/boris}
    - {to: announcement/closed}
numbers:
  "+74951000100": {to: flow/main}
""",
    right="""
schedules:
  office: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}]}
flows:
  main:
    - {when: {open: schedule/office, caller: "+7495*"}, to: user/boris}
    - {when: {open: schedule/office}, to: user/anna}
    - {to: announcement/closed}
numbers:
  "+74951000100": {to: flow/main}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for flow in tenant.model.flows.values():
            yield from _steps(tenant, flow)


def _steps(tenant: View, flow: Flow) -> Iterator[Finding]:
    earlier: list[tuple[int, Condition]] = []  # steps that keep the calls they take
    parts: list[Condition] = []  # any of these takes a call before a later step
    for index, step in enumerate(flow.steps):
        when = logic.plain(tenant.model, step.when) if step.when is not None else None
        why = _why_not(tenant, when, earlier) if when is not None else None
        if why is not None:
            yield tenant.finding(("flows", flow.id, index), f"is never reached: {why}")
            continue
        if step.otherwise_next or step.facts_as is not None or step.to.kind == "fact":  # the call may go on
            continue
        if when is None or _takes_the_rest(when, parts):
            for late in range(index + 1, len(flow.steps)):
                why = _all_taken(index, step.when, flow.steps[late].when)
                yield tenant.finding(("flows", flow.id, late), f"is never reached: {why}")
            return
        earlier.append((index, when))


def _takes_the_rest(when: Condition, parts: list[Condition]) -> bool:
    """Do the steps above (whose `parts` are added to) and this one together take every call?"""
    for part in logic.any_parts([when]):
        rest = logic.negated(part)
        if any(logic.implies(rest, other) for other in parts):
            return True
        parts.append(part)
    return False


def _all_taken(index: int, when: Condition | None, late: Condition | None) -> str:
    if when is None:
        return f"step {index + 1} takes every call; move this one up or take it out"
    if late is None:
        return f"the steps above take every call; take this one out, and the condition out of step {index + 1}"
    return "the steps above take every call; move this one up or take it out"


def _why_not(tenant: View, when: Condition, earlier: list[tuple[int, Condition]]) -> str | None:
    for index, condition in earlier:
        if logic.implies(when, condition):
            return f"step {index + 1} takes all calls that this one means; move this one above it or take it out"
    if logic.never(when):
        return "its conditions exclude each other; take one out"
    if isinstance(when, NumberIs) and not when.numbers & tenant.model.numbers.keys():
        names = ", ".join(sorted(when.numbers))
        return f"{names} is no number of this tenant; write one that is, or take the step out"
    return None
