from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis import reach
from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "group-without-reachable-members",
    "error",
    "a ring group in which somebody, or nobody, can be rung",
    reason="A member without devices, or with an outside number that the class of service bars or no route leads to, "
    "never rings. A group without any other member sends every call straight to on_no_answer (an error); with others "
    "it rings fewer people than its author believes (a warning).",
    wrong="""
users:
  clara: {extension: "203"}
ring_groups:
  duty: {extension: "640", members: [user/clara], on_no_answer: user/boris}
""",
    right="""
users:
  clara: {extension: "203", location: location/msk, devices: {desk: {type: desk_phone}}}
ring_groups:
  duty: {extension: "640", members: [user/clara], on_no_answer: user/boris}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for group in tenant.model.ring_groups.values():
            reasons = [reach.why_not(tenant.model, member, group) for member in group.members]
            nobody = f"nobody can be rung: {{why}}; calls go straight to {group.on_no_answer}: name somebody else"
            path = ("ring_groups", group.id, "members")
            yield from reach.findings(tenant, path, group.members, reasons, nobody=nobody, noun="member")
