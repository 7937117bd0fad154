"""Numbers and what they belong to: ranges, owners over all tenants, caller ids, trunks, domains."""

from __future__ import annotations

import contextlib
from ipaddress import ip_address

from pbx.model.plain import MAX_RANGE, OWNED, expanded
from pbx.model.problems import Path
from pbx.model.scope import Scope

MOST = 500_000  # numbers of a tenant: each is a value of its own in what servers get


def check_tenant(scope: Scope) -> None:
    """One tenant's numbers; fills `scope.numbers`."""
    for key in scope.objects("numbers"):
        path: Path = ("numbers", key)
        if message := _range(key):
            scope.report(path, message)
            continue
        if len(scope.numbers) > MOST:
            scope.report(
                path, f"before this the tenant has more than {MOST} numbers; at most so many: shorten the ranges"
            )
            break
        _own(scope, key, path)
    _caller_ids(scope)


def _range(key: str) -> str:
    first, dots, last = key.partition("..")
    if not dots:
        return ""
    if len(first) != len(last):
        return f"{first} and {last} differ in their number of digits; write both as long"
    count = int(last) - int(first) + 1
    if count < 1:
        return f"{last} is before {first}; write the smaller number first"
    return f"the range has {count} numbers; at most {MAX_RANGE}: split it" if count > MAX_RANGE else ""


def _own(scope: Scope, key: str, path: Path) -> None:
    for number in expanded(key):
        earlier = scope.numbers.setdefault(number, key)
        if earlier != key:
            where = scope.where(("numbers", earlier))
            scope.report(path, f"{number} stands twice, first as {where}; take one out")
            return


def owned(scope: Scope) -> set[str]:
    """What a tenant may show as its number."""
    emergency = {
        plain["emergency"]["caller_id"] for plain in scope.objects("locations").values() if "emergency" in plain
    }
    return emergency | set(scope.numbers)


def _caller_ids(scope: Scope) -> None:
    mine = owned(scope)
    for user, plain in scope.objects("users").items():
        number = plain.get("caller_id")
        if number is not None and number not in mine and not scope.folder.broken:
            scope.report(("users", user, "caller_id"), _not_owned(number))
    number = scope.plain.get("tenant", {}).get("caller_id", {}).get("default")
    if number is not None and number not in mine and not scope.folder.broken:
        scope.report(("tenant", "caller_id", "default"), _not_owned(number))


def _not_owned(number: str) -> str:
    return f"{number} is no number of this tenant; write it under numbers, or name one that is there"


def check_all(site: Scope | None, tenants: list[Scope]) -> None:
    """What two tenants, or a tenant and the site, may not both have."""
    _once(tenants, ("tenant", "id"))
    _once(tenants, ("tenant", "domain"))
    _numbers_of_others(tenants)
    _trunk_addresses([*([site] if site else []), *tenants])
    _trunk_logins([*([site] if site else []), *tenants])
    for scope in tenants:
        _shared_ids(scope)
        _route_prefixes(scope, site)


def _once(tenants: list[Scope], path: Path) -> None:
    known: dict[str, Scope] = {}
    for scope in tenants:
        value = scope.plain.get("tenant", {}).get(path[-1])
        if value is None:
            continue
        earlier = known.setdefault(value, scope)
        if earlier is not scope:
            scope.report(path, f"{value} is taken by {earlier.where(path)}; each tenant has one of its own")


def _numbers_of_others(tenants: list[Scope]) -> None:
    known: dict[str, Scope] = {}
    for scope in tenants:
        told: set[str] = set()  # a range that clashes is told once
        for number, key in scope.numbers.items():
            earlier = known.setdefault(number, scope)
            if earlier is not scope and key not in told:
                told.add(key)
                where = earlier.where(("numbers", earlier.numbers[number]))
                scope.report(("numbers", key), f"{number} belongs to tenant {earlier.owner} ({where}); take it out")
    for scope in tenants:
        for location, plain in scope.objects("locations").items():
            number = plain.get("emergency", {}).get("caller_id")
            owner = known.get(number)
            if owner is not None and owner is not scope:
                path: Path = ("locations", location, "emergency", "caller_id")
                scope.report(path, f"{number} belongs to tenant {owner.owner}; name a number of this tenant")


def _trunk_addresses(scopes: list[Scope]) -> None:
    """A call belongs to a trunk by its source address, so an address names one trunk."""
    known: dict[str, tuple[Scope, Path]] = {}
    for scope in scopes:
        for trunk, plain in scope.objects("trunks").items():
            for index, address in enumerate(plain["addresses"]):
                path: Path = ("trunks", trunk, "addresses", index)
                earlier, at = known.setdefault(_one_spelling(address), (scope, path))
                if (earlier, at) != (scope, path):
                    message = f"{address} is also {earlier.where(at)}; calls from an address belong to one trunk"
                    scope.report(path, message)


def _trunk_logins(scopes: list[Scope]) -> None:
    for scope in scopes:
        for trunk, plain in scope.objects("trunks").items():
            if plain["register"] and "login" not in plain:
                message = "a trunk that registers needs a login; write login: {user: …, password: {secret: …}}"
                scope.report(("trunks", trunk, "register"), message)


def _one_spelling(address: str) -> str:
    """An IPv6 address has many spellings and Kamailio knows only one of them; what is no address is told elsewhere."""
    with contextlib.suppress(ValueError):
        return str(ip_address(address))
    return address


def _shared_ids(scope: Scope) -> None:
    for kind in OWNED:
        for name in scope.folder.ids(kind):
            if scope.site is not None and name in scope.site.ids(kind):
                file, line, _ = scope.site.place((kind, name))
                scope.report((kind, name), f"the site has this id too ({file}:{line}); give it another")


def _route_prefixes(scope: Scope, site: Scope | None) -> None:
    """The longest prefix chooses the route, so none stands in two routes that the tenant sees."""
    known: dict[str, tuple[Scope, Path]] = {}
    for each in [*([site] if site else []), scope]:
        for route, plain in each.objects("outbound_routes").items():
            for index, prefix in enumerate(plain["prefixes"]):
                path: Path = ("outbound_routes", route, "prefixes", index)
                owner, earlier = known.setdefault(prefix, (each, path))
                if (owner, earlier) != (each, path):
                    each.report(path, f"{prefix} stands also in {owner.where(earlier)}; one prefix has one route")
