from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pbx.analysis import logic
from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import AllOf, AnyOf, Between, Condition

RULE = Rule(
    "step-of-the-past",
    "warning",
    "a step of a flow for dates that are over",
    reason="A step for a few days, such as a move or a closed week, does nothing after them. Left behind it makes the "
    "flow longer to read, and next year somebody changes its dates and forgets the rest.",
    wrong="""
flows:
  main:
    - {when: {between: [2020-01-02, 2020-01-05]}, to: announcement/closed}
    - {to: user/anna}
numbers:
  "+74951000100": {to: flow/main}
""",
    right="""
flows:
  main:
    - {when: {between: [2099-01-02, 2099-01-05]}, to: announcement/closed}
    - {to: user/anna}
numbers:
  "+74951000100": {to: flow/main}
""",
    by_date=True,
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for flow in tenant.model.flows.values():
            for index, step in enumerate(flow.steps):
                last = _over(logic.plain(tenant.model, step.when), context.at) if step.when is not None else None
                if last is not None:
                    message = f"is for dates that are over since {last}; take the step out, or write the next dates"
                    yield tenant.finding(("flows", flow.id, index), message)


def _over(condition: Condition, today: date) -> date | None:
    """The last day on which a plain condition could hold, when it is past; None when it may hold again."""
    match condition:
        case Between(_, last):
            return last if last < today else None
        case AllOf(parts):
            return min((day for day in (_over(part, today) for part in parts) if day is not None), default=None)
        case AnyOf(parts):
            days = [_over(part, today) for part in parts]
            past = [day for day in days if day is not None]
            return max(past) if len(past) == len(days) else None
    return None
