from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.problems import one_of
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
Key = tuple[str, str]  # plural, id


def check(context: Context) -> Iterator[Finding]:
    unused_of_site: dict[Key, tuple[View, str]] = {}
    used_of_site: set[Key] = set()
    for tenant in context.tenants:
        names = _names(tenant.plain)
        used = _used(tenant, names)
        for plural in KINDS:
            for name in tenant.plain.get(plural, {}):
                key = (plural, name)
                own = tenant.owns(plural, name)
                if key in used:
                    used_of_site.add(key)
                elif own:
                    yield tenant.finding(key, _message(tenant, key, names))
                elif not (plural == "prompts" and name.startswith("system-")):
                    unused_of_site[key] = (tenant, "is used by no tenant; take it out, or name it where it was meant")
    if context.whole:
        for key, (tenant, message) in unused_of_site.items():
            if key not in used_of_site:
                yield tenant.finding(key, message)


def _message(tenant: View, key: Key, names: Mapping[Key, set[Key]]) -> str:
    by = sorted(_shown(each) for each, named in names.items() if key in named and each != key)
    if not by:
        return "is used by nothing; take it out, or name it where it was meant"
    are = "is itself" if len(by) == 1 else "are themselves"
    return f"is used by {one_of(by[:3])} only, which {are} used by nothing; take them out, or name them"


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
        single = plural in ("tenant", "emergency")
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
    open_ += [("prompts", name) for name in model.prompts if name.startswith("system-")]
    used: set[Key] = set()
    while open_:
        key = open_.pop()
        if key not in used:
            used.add(key)
            open_ += names.get(key, ())
    return used
