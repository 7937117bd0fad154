"""How far a change of the model reaches: the numbers and users that changed or lead to something that did. Pure.

A number leads to its flow, the flow to a menu, the menu to a group, the group to its users; a user leads to a location,
a class of service, and by every outbound route to trunks. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["touched"]

Document = Mapping[str, Any]
Key = tuple[str, str]  # singular kind, id
OF_ALL_USERS = frozenset({"outbound_route", "emergency"})  # every user dials by them
OF_ALL = frozenset({"tenant"})


def touched(have: Document, want: Document) -> tuple[list[str], list[str]]:
    """`tenant/number` and `tenant/user` of two documents of a call process, sorted."""
    numbers: set[str] = set()
    users: set[str] = set()
    old, new = have.get("tenants") or {}, want.get("tenants") or {}
    for tenant in {*old, *new}:
        before, after = (side.get(tenant, {}).get("plain", {}) for side in (old, new))
        reached = _reached(before, after)
        numbers |= {f"{tenant}/{id_}" for kind, id_ in reached if kind == "number"}
        users |= {f"{tenant}/{id_}" for kind, id_ in reached if kind == "user"}
    return sorted(numbers), sorted(users)


def _reached(before: Document, after: Document) -> set[Key]:
    """What changed in a tenant, and what leads there in either document."""
    if before == after:
        return set()
    old, new = dict(_objects(before)), dict(_objects(after))
    changed = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    if not before or not after or any(kind in OF_ALL for kind, _id in changed):
        return {*old, *new}
    return _led_to(old, changed) | _led_to(new, changed)


def _led_to(objects: Mapping[Key, Any], changed: set[Key]) -> set[Key]:
    """What changed and everything of these objects that leads there."""
    leads = _leading(objects)
    users = [key for key in objects if key[0] == "user"]
    found: set[Key] = set()
    waiting = list(changed)
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found.add(key)
        waiting += leads.get(key, ())
        if key[0] in OF_ALL_USERS:
            waiting += users
    return found


def _objects(plain: Document) -> Iterator[tuple[Key, Any]]:
    for plural, objects in plain.items():
        if plural.endswith("s") and isinstance(objects, Mapping):
            for id_, value in objects.items():
                yield (plural[:-1], id_), value
        else:
            yield (plural, ""), objects


def _leading(objects: Mapping[Key, Any]) -> dict[Key, list[Key]]:
    """Object → those that name it."""
    found: dict[Key, list[Key]] = {}
    for key, value in objects.items():
        for text in _texts(value, nested=key[0] not in {"user", "number"}):
            kind, slash, id_ = text.partition("/")
            if slash and (kind, id_) in objects:
                found.setdefault((kind, id_), []).append(key)
    return found


def _texts(value: Any, nested: bool) -> Iterator[str]:
    """Every text in a value; of the many users and numbers only what stands at the top, where their references are."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            if isinstance(inner, str):
                yield inner
            elif nested:
                yield from _texts(inner, nested)
    elif isinstance(value, list) and nested:
        for inner in value:
            yield from _texts(inner, nested)
