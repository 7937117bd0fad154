"""Calls to the outside: may this caller dial it (class of service), and by which trunks in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from pbx.model.objects import OutboundRoute, Tenant, Trunk, User
from pbx.routing.reason import Reason

_LEVELS = ("internal", "local", "national", "international")


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """Trunks to try in order; empty means no route (404, Q.850 cause 3). `reasons` also names what was left out."""

    route: str | None
    trunks: tuple[Trunk, ...]
    reasons: tuple[Reason, ...]


def level_of(tenant: Tenant, number: str, own_number: str | None) -> str:
    """`local` shares country and area code (the first three digits after it) with the caller's own number."""
    code = "+" + tenant.calling_code
    if not number.startswith(code):
        return "international"
    if own_number and own_number.startswith(code) and number[: len(code) + 3] == own_number[: len(code) + 3]:
        return "local"
    return "national"


def barred(tenant: Tenant, class_of_service: str, number: str, own_number: str | None) -> Reason | None:
    """The reason why a class of service does not allow `number`, or None when it does."""
    level = level_of(tenant, number, own_number)
    if _LEVELS.index(level) > _LEVELS.index(class_of_service):
        return Reason("barred", number=number, level=Reason(f"level_{level}"), allowed=class_of_service)
    return None


def choose(tenant: Tenant, number: str, *, random: Random | None = None) -> RouteChoice:
    """The route with the longest matching prefix and its trunks in the order to try."""
    best: tuple[int, OutboundRoute] | None = None
    for route in tenant.outbound_routes.values():
        length = max((len(prefix) for prefix in route.prefixes if number.startswith(prefix)), default=-1)
        if length >= 0 and (best is None or length > best[0]):
            best = (length, route)
    if best is None:
        return RouteChoice(None, (), (Reason("no_route", number=number),))
    route = best[1]
    trunks = [tenant.trunks[name] for name in route.trunks]
    if route.choose == "random":
        (random or Random()).shuffle(trunks)
    names = ", ".join(f"trunk/{trunk.id}" for trunk in trunks)
    return RouteChoice(route.id, tuple(trunks), (Reason("route", route=route.id, number=number, trunks=names),))


def emergency(tenant: Tenant, user: User | None) -> tuple[str | None, Sequence[Trunk], tuple[Reason, ...]]:
    """Caller id and trunks for an emergency call: those of the user's location, else of any location that has them."""
    located = tenant.locations.get(user.location) if user and user.location else None
    candidates = ([located] if located else []) + list(tenant.locations.values())
    for location in candidates:
        if location.emergency_trunks:
            trunks = [tenant.trunks[name] for name in location.emergency_trunks]
            code = "emergency_located" if location is located else "emergency_elsewhere"
            return location.emergency_caller_id, trunks, (Reason(code, location=location.id),)
    return None, (), (Reason("emergency_nowhere"),)
