from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.analysis.ways import ways
from pbx.model.objects import Destination, Tenant

DEEPEST = 3
_FOUR = """
ivrs:
  one: {prompt: prompt/said, keys: {"1": {to: ivr/two}}, on_timeout: user/anna, on_invalid: user/anna}
  two: {prompt: prompt/said, keys: {"1": {to: ivr/three}}, on_timeout: user/anna, on_invalid: user/anna}
  three: {prompt: prompt/said, keys: {"1": {to: THREE}}, on_timeout: user/anna, on_invalid: user/anna}
  four: {prompt: prompt/said, keys: {"1": {to: user/boris}}, on_timeout: user/anna, on_invalid: user/anna}
numbers:
  "+74951000100": {to: ivr/one}
"""

RULE = Rule(
    "menu-too-deep",
    "warning",
    "a menu behind three others",
    reason="Each menu costs a caller a quarter of a minute and a choice; after the third most have hung up or pressed "
    "0. A menu counts by the shortest way to it from a number, so one that a main menu leads to as well is fine.",
    wrong=_FOUR.replace("THREE", "ivr/four"),
    right=_FOUR.replace("THREE", "user/boris") + '  "+74951000101": {to: ivr/four}\n',
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for menu, way in _depths(tenant.model).items():
            if len(way) == DEEPEST + 1:
                behind = " → ".join(f"ivr/{name}" for name in way)
                message = f"callers come to it through {DEEPEST} others: {behind}; lead to it from an earlier menu"
                yield tenant.finding(("ivrs", menu), message)


def _depths(tenant: Tenant) -> dict[str, tuple[str, ...]]:
    """Menu → the menus on the shortest way to it from a number, itself the last. A breadth-first walk in which only
    menus count: what is no menu goes to the front of the line."""
    leads: dict[str, list[Destination]] = {}
    for way in ways(tenant):
        leads.setdefault(way.source, []).append(way.to)
    line: deque[tuple[Destination, tuple[str, ...]]] = deque((number.to, ()) for number in tenant.numbers.values())
    found: dict[str, tuple[str, ...]] = {}
    while line:
        to, menus = line.popleft()
        if str(to) in found:
            continue
        menus = (*menus, to.value) if to.kind == "ivr" else menus
        found[str(to)] = menus
        for further in leads.get(str(to), ()):
            if further.kind == "ivr":
                line.append((further, menus))
            else:
                line.appendleft((further, menus))
    return {menu: found[f"ivr/{menu}"] for menu in tenant.ivrs if f"ivr/{menu}" in found}
