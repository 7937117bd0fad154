from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import AllOf, AnyOf, Closed, Condition, FactIs, Flow, Not, Step

RULE = Rule(
    "crm-before-hours",
    "warning",
    "a CRM that is asked before a flow looks at its hours",
    reason="Whoever calls at night waits for an answer that no step uses, up to the lookup's timeout, and the CRM is "
    "asked for calls that go to the night message all the same. Hours cost nothing: they stand first.",
    wrong="""
lookups: {crm: {url: "https://crm.example/lookup"}}
schedules: {office: {open: [{days: [MO], hours: ["09:00-18:00"]}]}}
flows:
  main:
    - {lookup: lookup/crm, as: crm}
    - {when: {closed: schedule/office}, to: announcement/closed}
    - {when: {crm.owner: present}, to: {from: crm.owner}}
    - {to: user/anna}
""",
    right="""
lookups: {crm: {url: "https://crm.example/lookup"}}
schedules: {office: {open: [{days: [MO], hours: ["09:00-18:00"]}]}}
flows:
  main:
    - {when: {closed: schedule/office}, to: announcement/closed}
    - {lookup: lookup/crm, as: crm}
    - {when: {crm.owner: present}, to: {from: crm.owner}}
    - {to: user/anna}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for flow in tenant.model.flows.values():
            for index, step in enumerate(flow.steps):
                if step.to.kind == "lookup" and (hours := _hours_after(flow, index)) is not None:
                    timeout = round(tenant.model.services.lookups[step.to.value].timeout * 1000)
                    message = (
                        f"{step.to} is asked before step {hours + 1} looks at the hours: at night callers wait up to "
                        f"{timeout} ms for facts that no step uses; put it after that step"
                    )
                    yield tenant.finding(("flows", flow.id, index), message)


def _hours_after(flow: Flow, index: int) -> int | None:
    """The first step behind a lookup that sends calls on by the hours alone, with no use of facts till then."""
    for at, step in enumerate(flow.steps[index + 1 :], index + 1):
        if _uses_facts(step) or step.to.kind == "lookup":
            return None
        if isinstance(step.when, Closed):
            return at
    return None


def _uses_facts(step: Step) -> bool:
    return step.to.kind == "fact" or (step.when is not None and _asks_facts(step.when))


def _asks_facts(condition: Condition) -> bool:
    if isinstance(condition, Not):
        return _asks_facts(condition.condition)
    if isinstance(condition, AnyOf | AllOf):
        return any(map(_asks_facts, condition.conditions))
    return isinstance(condition, FactIs)
