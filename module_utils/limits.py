"""What an apply may not delete unasked: much of a kind, an emergency number or route, a number in use. Pure.

Compared are two documents of one server: the one that it has (`have`) and the staged one (`want`). A tenant that is
removed by its name (`removed`) is left out of all: saying its name is asking for it. Standard library only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["FORCE", "NUMBERS", "of_calls", "of_edge"]

Document = Mapping[str, Any]

SHARE, LEAST = 0.30, 10  # more than this part of at least so many objects
ACTIVE = "active"
SHOWN = 5  # names in a text
FORCE, NUMBERS = "--force", "--allow-number-removal"


def of_calls(have: Document, want: Document, removed: Collection[str]) -> list[dict[str, str]]:
    """Of the documents of a call process: `text` and `option` of each refusal."""
    old, new = _tenants(have, removed), _tenants(want, removed)
    found = _too_many(_objects(have, old), _objects(want, new))
    for tenant in sorted(old.keys() & new.keys()):
        found += _emergency(tenant, old[tenant], new[tenant])
    states = {number: one.get("state") for plain in old.values() for number, one in _kind(plain, "numbers").items()}
    return found + _in_use(states, {number for plain in new.values() for number in _kind(plain, "numbers")})


def of_edge(have: Document, want: Document, removed: Collection[str]) -> list[dict[str, str]]:
    """Of the documents of an edge; `numbers` is tenant → number → state."""
    old, new = _edge_rows(have, removed), _edge_rows(want, removed)
    found = _too_many(old, new)
    tenants = {key.partition("/")[0] for key in new["emergency number"]}
    lost = sorted(old["emergency number"] - new["emergency number"])
    for tenant in sorted({key.partition("/")[0] for key in lost} & tenants):
        found += _lost_emergency(tenant, [key.partition("/")[2] for key in lost if key.startswith(f"{tenant}/")], [])
    states = {number: state for of_tenant in _numbers(have, removed).values() for number, state in of_tenant.items()}
    return found + _in_use(states, {number for of_tenant in _numbers(want, removed).values() for number in of_tenant})


# --- the three rules ---


def _too_many(have: Mapping[str, set[str]], want: Mapping[str, set[str]]) -> list[dict[str, str]]:
    found = []
    for kind, ids in have.items():
        gone = len(ids - want.get(kind, set()))
        if len(ids) >= LEAST and gone > SHARE * len(ids):
            text = f"{gone} of {len(ids)} objects of the kind {kind} would be deleted, more than {SHARE:.0%}"
            found.append({"text": text, "option": FORCE})
    return found


def _emergency(tenant: str, have: Document, want: Document) -> list[dict[str, str]]:
    numbers = set(_kind(have, "emergency").get("numbers", ())) - set(_kind(want, "emergency").get("numbers", ()))
    places = _kind(want, "locations")
    lost = [
        name
        for name, place in sorted(_kind(have, "locations").items())
        if place.get("emergency") and not places.get(name, {}).get("emergency")
    ]
    return _lost_emergency(tenant, sorted(numbers), lost)


def _lost_emergency(tenant: str, numbers: list[str], places: list[str]) -> list[dict[str, str]]:
    found = []
    if numbers:
        found.append(f"tenant {tenant} would lose the emergency numbers {', '.join(numbers)}")
    if places:
        found.append(f"tenant {tenant} would lose the emergency routes of the locations {', '.join(places)}")
    return [{"text": text, "option": FORCE} for text in found]


def _in_use(have: Mapping[str, Any], want: Collection[str]) -> list[dict[str, str]]:
    """Numbers that are served and active; one that was suspended or in quarantine before may go."""
    used = sorted(number for number, state in have.items() if state == ACTIVE and number not in want)
    if not used:
        return []
    text = f"{_some(used)} served and active; set their state to quarantine first"
    return [{"text": f"numbers in use would be deleted ({len(used)}): {text}", "option": NUMBERS}]


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more," if more > 0 else "")


# --- reading the documents ---


def _tenants(document: Document, removed: Collection[str]) -> dict[str, Document]:
    tenants = document.get("tenants") or {}
    return {id_: one["plain"] for id_, one in tenants.items() if id_ not in removed}


def _objects(document: Document, tenants: Mapping[str, Document]) -> dict[str, set[str]]:
    """Kind → `tenant/id`, the site's under `site`."""
    found: dict[str, set[str]] = {}
    for owner, plain in {**tenants, "site": (document.get("site") or {}).get("plain", {})}.items():
        for plural, objects in plain.items():
            if plural.endswith("s") and isinstance(objects, Mapping):
                found.setdefault(plural[:-1], set()).update(f"{owner}/{id_}" for id_ in objects)
    return found


def _edge_rows(document: Document, removed: Collection[str]) -> dict[str, set[str]]:
    """What an edge knows of, by the words of the model; rows of removed tenants are left out."""
    tables: Mapping[str, Mapping[str, str]] = document.get("htables") or {}
    domains = {domain for domain, tenant in tables.get("domain", {}).items() if tenant in removed}
    return {
        "tenant": {tenant for tenant in tables.get("domain", {}).values() if tenant not in removed},
        "number": {number for of_tenant in _numbers(document, removed).values() for number in of_tenant},
        "device": {key for key in document.get("ha1") or {} if key.partition("@")[2] not in domains},
        "trunk": set(tables.get("trunk", {})),
        "emergency number": {key for key in tables.get("emergency", {}) if key.partition("/")[0] not in removed},
    }


def _numbers(document: Document, removed: Collection[str]) -> dict[str, Mapping[str, str]]:
    numbers: Mapping[str, Mapping[str, str]] = document.get("numbers") or {}
    return {tenant: found for tenant, found in numbers.items() if tenant not in removed}


def _kind(plain: Document, plural: str) -> Mapping[str, Any]:
    found = plain.get(plural)
    return found if isinstance(found, Mapping) else {}
