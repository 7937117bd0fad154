"""Calls to the outside: may this caller dial it (class of service), and by which trunks in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from pbx.model.objects import OutboundRoute, Tenant, Trunk, User
from pbx.model.services import ClassOfService, Rate
from pbx.routing.reason import Reason

_LEVELS = ("internal", "local", "national", "international")


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """Trunks to try in order; empty without a route means 404 (Q.850 cause 3), with one 503: none can be used now.
    `left_out` are those that are full or down, each with its state; `reasons` name them too."""

    route: str | None
    trunks: tuple[Trunk, ...]
    reasons: tuple[Reason, ...]
    left_out: tuple[tuple[Trunk, str], ...] = ()


def level_of(tenant: Tenant, number: str, own_number: str | None) -> str:
    """`local` shares country and area code (the first three digits after it) with the caller's own number."""
    code = "+" + tenant.calling_code
    if not number.startswith(code):
        return "international"
    if own_number and own_number.startswith(code) and number[: len(code) + 3] == own_number[: len(code) + 3]:
        return "local"
    return "national"


def barred(tenant: Tenant, class_of_service: str, number: str, own_number: str | None) -> Reason | None:
    """The reason why a class of service does not allow `number`, or None when it does.

    A class of the site's own comes before a built-in one of that name.
    """
    own_class = tenant.services.classes_of_service.get(class_of_service)
    if own_class is not None:
        return _barred_by(own_class, number)
    level = level_of(tenant, number, own_number)
    if _LEVELS.index(level) > _LEVELS.index(class_of_service):
        return Reason("barred", number=number, level=Reason(f"level_{level}"), allowed=class_of_service)
    return None


def _barred_by(own_class: ClassOfService, number: str) -> Reason | None:
    """The longest prefix decides, `bar` wins a draw; what no prefix names is allowed only where none is asked for."""
    allowed, barring = _longest(own_class.allow, number), _longest(own_class.bar, number)
    if barring is not None and len(barring) >= len(allowed or ""):
        return Reason("barred_prefix", allowed=own_class.id, prefix=barring, number=number)
    if allowed is None and own_class.allow:
        return Reason("barred_unnamed", allowed=own_class.id, number=number)
    return None


def _longest(prefixes: Iterable[str], number: str) -> str | None:
    return max((prefix for prefix in prefixes if number.startswith(prefix)), key=len, default=None)


def _is_free(_: Trunk) -> str:
    return "free"


def choose(tenant: Tenant, number: str, *, draw: str = "", state: Callable[[Trunk], str] = _is_free) -> RouteChoice:
    """The route with the longest matching prefix and its trunks in the order to try, without those that are `full` by
    their `state`, and those that are `down` at its end: a call that nothing else takes may find one back again. Where
    chance decides, the same `draw` (a call's own id) is the same order."""
    best: tuple[int, OutboundRoute] | None = None
    for route in tenant.outbound_routes.values():
        length = max((len(prefix) for prefix in route.prefixes if number.startswith(prefix)), default=-1)
        if length >= 0 and (best is None or length > best[0]):
            best = (length, route)
    if best is None:
        return RouteChoice(None, (), (Reason("no_route", number=number),))
    route = best[1]
    states = [(tenant.trunks[name], state(tenant.trunks[name])) for name in route.trunks]
    trunks = [trunk for trunk, now in states if now != "full"]
    down = [trunk for trunk, now in states if now == "down"]
    left_out = tuple((trunk, now) for trunk, now in states if now != "free")
    told = tuple(_told_state(trunk, now) for trunk, now in left_out)
    if not trunks:
        why = Reason("route_unusable", route=route.id, number=number)
    elif route.choose == "least_cost":
        trunks, why = _cheapest(tenant, route, trunks, number, down)
    else:
        if route.choose == "random":
            Random(draw).shuffle(trunks)
        trunks.sort(key=down.__contains__)
        names = ", ".join(f"trunk/{trunk.id}" for trunk in trunks)
        why = Reason("route", route=route.id, number=number, trunks=names)
    return RouteChoice(route.id, tuple(trunks), (why, *told), left_out)


def _told_state(trunk: Trunk, state: str) -> Reason:
    if state == "full":
        return Reason("trunk_left_out", trunk=trunk.id, why=Reason("trunk_full", channels=trunk.max_channels))
    return Reason("trunk_last", trunk=trunk.id, why=Reason("trunk_down"))


def _cheapest(
    tenant: Tenant, route: OutboundRoute, trunks: list[Trunk], number: str, down: list[Trunk]
) -> tuple[list[Trunk], Reason]:
    """By the price of a minute, as listed among equals; a trunk without a price for the number comes last, and those
    that are down after all others."""
    rates = {trunk.id: rate_of(tenant, trunk, number) for trunk in trunks}
    ordered = sorted(trunks, key=lambda trunk: (trunk in down, _price(rates[trunk.id])))
    told = tuple(_told(tenant, trunk, rates[trunk.id]) for trunk in ordered)
    return ordered, Reason("route_cheapest", route=route.id, number=number, trunks=told)


def rate_of(tenant: Tenant, trunk: Trunk, number: str) -> Rate | None:
    """What a trunk's tariff says of a number: the rate with its longest prefix."""
    tariff = tenant.services.tariffs.get(trunk.cost) if trunk.cost else None
    rates = [rate for rate in tariff.rates if number.startswith(rate.prefix)] if tariff else []
    return max(rates, key=lambda rate: len(rate.prefix), default=None)


def _price(rate: Rate | None) -> Decimal:
    return Decimal("Infinity") if rate is None else Decimal(rate.per_minute)


def _told(tenant: Tenant, trunk: Trunk, rate: Rate | None) -> Reason:
    if rate is None:
        return Reason("trunk_no_price", trunk=trunk.id)
    currency = tenant.services.tariffs[str(trunk.cost)].currency
    return Reason("trunk_price", trunk=trunk.id, price=rate.per_minute, currency=currency)


def emergency(
    tenant: Tenant, user: User | None, *, state: Callable[[Trunk], str] = _is_free
) -> tuple[str | None, Sequence[Trunk], tuple[Reason, ...]]:
    """Caller id and trunks for an emergency call: those of the user's location, else of any location that has them.

    None is left out; one that is `down` is tried last, and a full one takes the call all the same.
    """
    located = tenant.locations.get(user.location) if user and user.location else None
    candidates = ([located] if located else []) + list(tenant.locations.values())
    for location in candidates:
        if location.emergency_trunks:
            trunks = [tenant.trunks[name] for name in location.emergency_trunks]
            code = "emergency_located" if location is located else "emergency_elsewhere"
            down = [trunk for trunk in trunks if state(trunk) == "down"]
            trunks.sort(key=down.__contains__)
            last = tuple(Reason("trunk_last", trunk=trunk.id, why=Reason("trunk_down")) for trunk in down)
            return location.emergency_caller_id, trunks, (Reason(code, location=location.id), *last)
    return None, (), (Reason("emergency_nowhere"),)
