from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis import logic, reach
from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.analysis.ways import Way, ways

RULE = Rule(
    "destination-loop",
    "error",
    "calls that go round by themselves",
    reason="When nobody answers and no key is pressed a call must come to an end. A round of announcements and flows "
    "turns for ever and costs a line and the caller's money; a round over groups or menus rings people again and "
    "again (a warning). A round in which the caller presses a key, such as a menu that leads back, is fine.",
    wrong="""
announcements:
  evening: {prompt: prompt/said, to: flow/main}
flows:
  main: [{to: announcement/evening}]
numbers:
  "+74951000100": {to: flow/main}
""",
    right="""
announcements:
  evening: {prompt: prompt/said, to: {hang_up: true}}
flows:
  main: [{to: announcement/evening}]
numbers:
  "+74951000100": {to: flow/main}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        leads: dict[str, list[Way]] = {}
        for way in ways(tenant.model):
            if way.by_itself:
                leads.setdefault(way.source, []).append(way)
        for round_ in _rounds(leads):
            conditions = [logic.plain(tenant.model, way.when) for way in round_ if way.when is not None]
            if not conditions or not logic.never(logic.all_of(conditions)):
                yield _finding(tenant, round_)


def _finding(tenant: View, round_: list[Way]) -> Finding:
    names = " → ".join([*(way.source for way in round_), round_[0].source])
    waits = [way.source for way in round_ if _waits(tenant, way)]
    if waits:
        message = f"when nobody answers, calls go round without end: {names}; let one of them lead to an end"
        return tenant.finding(round_[-1].path, message, "warning")
    message = f"calls go round without end, and nobody is rung or asked: {names}; let one of them lead to an end"
    return tenant.finding(round_[-1].path, message)


def _waits(tenant: View, way: Way) -> bool:
    """Is somebody rung before this arrow is taken, or the caller asked?"""
    kind, _, name = way.source.partition("/")
    if kind == "ring_group":
        return reach.rings(tenant.model, tenant.model.ring_groups[name])
    return kind in ("ivr", "queue") or (kind == "user" and "always" not in way.path)


def _rounds(leads: dict[str, list[Way]]) -> Iterator[list[Way]]:
    """Each round once, as its arrows, beginning at the first object on it; a walk in depth without recursion."""
    done: set[str] = set()
    told: set[frozenset[str]] = set()
    for start in leads:
        way_here: list[Way] = []
        open_: list[tuple[str, Iterator[Way]]] = [] if start in done else [(start, iter(leads[start]))]
        while open_:
            source, rest = open_[-1]
            way = next(rest, None)
            if way is None:
                done.add(source)
                open_.pop()
                if way_here:
                    way_here.pop()
                continue
            target = str(way.to)
            on_way = [name for name, _ in open_]
            if target in on_way:
                round_ = [*way_here[on_way.index(target) :], way]
                names = frozenset(each.source for each in round_)
                if names not in told:
                    told.add(names)
                    yield round_
            elif target in leads and target not in done:
                way_here.append(way)
                open_.append((target, iter(leads[target])))
