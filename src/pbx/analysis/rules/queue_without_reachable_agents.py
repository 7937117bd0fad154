from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis import reach
from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "queue-without-reachable-agents",
    "error",
    "a queue in which somebody, or nobody, can be rung",
    reason="An agent without devices, or whose only device is an outside number that may not be dialled, never rings. "
    "In a queue without any other agent callers wait in vain until on_timeout (an error); with others it has fewer "
    "agents than its author believes (a warning).",
    wrong="""
users:
  clara: {extension: "203"}
queues:
  sales: {agents: [user/clara], on_timeout: user/boris, on_full: user/boris, on_empty: user/boris}
""",
    right="""
users:
  clara: {extension: "203", location: location/msk, devices: {desk: {type: desk_phone}}}
queues:
  sales: {agents: [user/clara], on_timeout: user/boris, on_full: user/boris, on_empty: user/boris}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for queue in tenant.model.services.queues.values():
            reasons = [reach.why_not_user(tenant.model, tenant.model.users[agent]) for agent in queue.agents]
            agents = [f"user/{agent}" for agent in queue.agents]
            nobody = "no agent can be rung: {why}; callers wait in vain: name somebody else"
            path = ("queues", queue.id, "agents")
            yield from reach.findings(tenant, path, agents, reasons, nobody=nobody, noun="agent")
