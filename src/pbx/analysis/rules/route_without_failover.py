from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "route-without-failover",
    "warning",
    "an outbound route with a single trunk",
    reason="When the only carrier of a route fails or is full, nobody can call those numbers until somebody changes "
    "the model. A second trunk in the list is tried by itself.",
    wrong="""
outbound_routes:
  russia: {prefixes: ["+7"], trunks: [trunk/mtt]}
""",
    right="""
outbound_routes:
  russia: {prefixes: ["+7"], trunks: [trunk/mtt, trunk/ural]}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for route in tenant.model.outbound_routes.values():
            if len(set(route.trunks)) == 1:
                prefixes = ", ".join(route.prefixes)
                message = (
                    f"has no trunk beside trunk/{route.trunks[0]}: when it fails, calls to {prefixes} are refused; "
                    "add a second one"
                )
                yield tenant.finding(("outbound_routes", route.id, "trunks"), message)
