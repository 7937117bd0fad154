from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.schemas import plural_of

RULE = Rule(
    "unused-object",
    "warning",
    "an object that no call and no person reaches",
    reason="What nothing names does nothing. Either it is left over, and whoever reads the model is misled, or a name "
    "is missing where it was meant: a list of blocked callers that no flow asks blocks nobody.",
    wrong="""
lists:
  blocked: {numbers: ["+79990000000"]}
flows:
  main: [{to: user/anna}]
numbers:
  "+74951000100": {to: flow/main}
""",
    right="""
lists:
  blocked: {numbers: ["+79990000000"]}
flows:
  main:
    - {when: {caller: list/blocked}, to: {reject: 603}}
    - {to: user/anna}
numbers:
  "+74951000100": {to: flow/main}
""",
)
KINDS = (
    "announcements",
    "calendars",
    "flows",
    "ivrs",
    "lists",
    "locations",
    "prompts",
    "ring_groups",
    "schedules",
    "trunks",
)
_REFERENCE = re.compile(r"[a-z][a-z_]*/[a-z0-9][a-z0-9_.-]{0,62}\Z")
SHOWN = 4
Key = tuple[str, str]  # plural, id


def check(context: Context) -> Iterator[Finding]:
    named_of_site: set[Key] = set()
    of_site: dict[Key, View] = {}
    for tenant in context.tenants:
        names = _names(tenant.plain)
        used = _used(tenant, names)
        named_of_site |= used.union(*names.values())
        every = [(plural, name) for plural in KINDS for name in tenant.plain.get(plural, {})]
        unused = [key for key in every if key not in used and tenant.owns(*key)]
        for key, with_it in _heads(unused, names):
            more = f", and with it {_listed(with_it)}" if with_it else ""
            yield tenant.finding(key, f"is used by nothing{more}; take it out, or name it where it was meant")
        of_site |= {key: tenant for key in every if not tenant.owns(*key) and not _built_in(key)}
    for key, tenant in of_site.items() if context.whole else ():
        if key not in named_of_site:
            yield tenant.finding(key, "is used by no tenant; take it out, or name it where it was meant")


def _heads(unused: list[Key], names: Mapping[Key, set[Key]]) -> Iterator[tuple[Key, list[Key]]]:
    """Of what is unused: what no other of it names, each with what hangs on it; so one missing name is told once."""
    left = set(unused)
    named = set().union(*(names[key] - {key} for key in unused))
    for key in sorted(unused, key=lambda each: each in named):  # of those that name each other, the first
        if key not in left:
            continue
        reached, open_ = set(), [key]
        while open_:
            each = open_.pop()
            if each in left:
                left.remove(each)
                reached.add(each)
                open_ += names[each]
        yield key, sorted(reached - {key})


def _listed(keys: list[Key]) -> str:
    shown = [_shown(key) for key in keys[:SHOWN]]
    if len(keys) > SHOWN:
        return f"{', '.join(shown)} and {len(keys) - SHOWN} more"
    return " and ".join([", ".join(shown[:-1])] * bool(shown[:-1]) + shown[-1:])


def _built_in(key: Key) -> bool:
    return key[0] == "prompts" and key[1].startswith("system-")


def _shown(key: Key) -> str:
    plural, name = key
    singular = next((one for one, many in plural_of().items() if many == plural), plural)
    return f"{singular}/{name}"


def _names(plain: Mapping[str, Any]) -> dict[Key, set[Key]]:
    """Every object and the objects that it names."""
    plurals = plural_of()
    out: dict[Key, set[Key]] = {}
    for plural, objects in plain.items():
        if plural == "tests":  # what only a test names is used by no call
            continue
        single = plural in ("tenant", "emergency", "feature_codes", "parking")
        for name, value in {"": objects}.items() if single else objects.items():
            named = out[plural, name] = set()
            for kind, _, other in (word.partition("/") for word in _words(value) if _REFERENCE.match(word)):
                if kind in plurals:
                    named.add((plurals[kind], other))
    return out


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "/" in value:
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)


def _used(tenant: View, names: Mapping[Key, set[Key]]) -> set[Key]:
    """What is reached from numbers, people, extensions and routes."""
    model = tenant.model
    every_trunk = any(number.trunk is None for number in model.numbers.values())  # it may come in by any
    open_ = [key for key in names if key[0] not in KINDS]
    open_ += [("ring_groups", group.id) for group in model.ring_groups.values() if group.extension]
    open_ += [("trunks", name) for name, trunk in model.trunks.items() if every_trunk and trunk.addresses]
    open_ += [key for key in names if _built_in(key)]
    open_ += [("lists", name) for name, plain in tenant.plain.get("lists", {}).items() if plain["names"]]
    used: set[Key] = set()
    while open_:
        key = open_.pop()
        if key not in used:
            used.add(key)
            open_ += names.get(key, ())
    return used
