from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import OutboundRoute

RULE = Rule(
    "route-without-price",
    "warning",
    "a route by cost with trunks whose prices are not known or not comparable",
    reason="choose: least_cost compares the price of a minute. A trunk without a price for a number comes last, "
    "whatever it costs, and prices in two currencies say nothing about each other.",
    wrong="""
tariffs:
  north: {currency: RUB, rates: [{prefix: "+7", per_minute: "1.90"}]}
trunks:
  north: {proxy: "sip:north.example", cost: tariff/north}
  south: {proxy: "sip:south.example"}
outbound_routes:
  russia: {prefixes: ["+7"], choose: least_cost, trunks: [trunk/north, trunk/south]}
""",
    right="""
tariffs:
  north: {currency: RUB, rates: [{prefix: "+7", per_minute: "1.90"}]}
  south: {currency: RUB, rates: [{prefix: "+7", per_minute: "0.90"}]}
trunks:
  north: {proxy: "sip:north.example", cost: tariff/north}
  south: {proxy: "sip:south.example", cost: tariff/south}
outbound_routes:
  russia: {prefixes: ["+7"], choose: least_cost, trunks: [trunk/north, trunk/south]}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for route in tenant.model.outbound_routes.values():
            if route.choose == "least_cost":
                yield from _of_route(tenant, route)


def _of_route(tenant: View, route: OutboundRoute) -> Iterator[Finding]:
    tariffs = tenant.model.services.tariffs
    first = ""
    for index, name in enumerate(route.trunks):
        place = ("outbound_routes", route.id, "trunks", index)
        tariff = tariffs.get(tenant.model.trunks[name].cost or "")
        if tariff is None:
            yield tenant.finding(
                place, f"trunk/{name} has no tariff, so it comes last; write cost: tariff/ID at the trunk"
            )
            continue
        first = first or tariff.currency
        if tariff.currency != first:
            yield tenant.finding(
                place, f"trunk/{name} costs {tariff.currency} and the trunk before it {first}; they cannot be compared"
            )
        for prefix in route.prefixes:
            if not any(rate.prefix.startswith(prefix) or prefix.startswith(rate.prefix) for rate in tariff.rates):
                message = f"tariff/{tariff.id} of trunk/{name} has no price for {prefix}, so the trunk comes last"
                yield tenant.finding(place, f"{message}; add a rate")
