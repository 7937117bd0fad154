"""The sentences that all formats of a plan share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pbx.desired.plan import Item, Plan, Server

SIGNS = {"create": "+", "update": "~", "delete": "-"}  # any other op acts on a service
SHOWN = 20  # items of one sort on a server


def title(plan: Plan) -> str:
    """What this is, in two or three words."""
    return {"plan": "PBX plan", "drift": "PBX drift", "apply": "PBX apply", "rollback": "PBX rollback"}[plan.verb]


def line_of(item: Item) -> str:
    """`~ user romashka/ivanov (caller_id)`."""
    sign = SIGNS.get(item.op)
    head = f"{sign} {item.kind}" if sign else f"! {item.op} {item.kind}"
    fields = f" ({', '.join(item.fields)})" if item.fields else ""
    return f"{head} {item.id}{fields}"


def values_of(item: Item) -> list[tuple[str, str, str]]:
    """(field or nothing, live, wanted) of an update, as text; a side that is not there is `none`."""
    if item.op != "update" or (item.live is None and item.wanted is None):
        return []
    live, wanted = item.live, item.wanted
    if isinstance(live, dict) or isinstance(wanted, dict):
        old, new = (side if isinstance(side, dict) else {} for side in (live, wanted))
        names = [name for name in item.fields if name in old or name in new]
        return [(name, plain(old.get(name)), plain(new.get(name))) for name in names if old.get(name) != new.get(name)]
    return [("", plain(live), plain(wanted))] if live != wanted else []


def plain(value: Any) -> str:
    """A value as text: none for nothing, text without quotes."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def summary(plan: Plan) -> str:
    """`3 to create, 1 to change, 0 to delete, 2 service actions`, or that there is nothing, or that it is not whole."""
    counts = plan.counts
    end = "; not whole: something failed" if plan.failures else ""
    if not any(counts.values()):
        return "failed before anything was found" if plan.failures else "no differences"
    words = ("created", "changed", "deleted") if plan.verb == "apply" else ("to create", "to change", "to delete")
    keys = ("create", "update", "delete")
    told = ", ".join(f"{counts[key]} {word}" for key, word in zip(keys, words, strict=True))
    return f"{told}, {number(counts['act'], 'service action')}{end}"


def reach(plan: Plan) -> str:
    """`3 numbers, 42 users, 0 live calls`: what the differences touch."""
    radius = plan.radius
    calls = "live calls not known" if radius.calls is None else number(radius.calls, "live call")
    return f"{number(radius.numbers, 'number')}, {number(radius.users, 'user')}, {calls}"


def revisions(plan: Plan) -> list[tuple[str, str, str]]:
    """(site or tenant, revision served, revision wanted) where a call server serves another than is wanted."""
    wanted = {"site": plan.wanted.site, **{f"tenant {id_}": one for id_, one in plan.wanted.tenants.items()}}
    found: dict[tuple[str, str, str], None] = {}
    for server in plan.servers:
        if not server.site:
            continue
        live = {"site": server.site, **{f"tenant {id_}": one for id_, one in server.tenants.items()}}
        for name in dict.fromkeys([*wanted, *live]):
            pair = live.get(name, "none"), wanted.get(name, "none")
            if pair[0] != pair[1]:
                found[name, *pair] = None
    return list(found)


def own_title(plan: Plan) -> str:
    """Above what people have set themselves."""
    return f"{number(len(plan.own_settings), 'setting')} of people's own, no drift, and left alone by an apply"


def own_settings(plan: Plan, shown: int = SHOWN) -> list[str]:
    """A line each; of very many the first ones, then how many more there are."""
    lines = [
        f"{one.tenant}/{one.user} {one.key}: {one.value}, set by {one.author} on {one.changed}"
        for one in plan.own_settings
    ]
    more = len(lines) - shown
    return lines if more <= shown else [*lines[:shown], f"… and {more} more"]


def number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def waits(key: str) -> str:
    """A setting that a running relay with calls does not take."""
    return f"{key} waits for a restart without calls"


def last_apply(server: Server) -> str:
    """`2026-01-31T12:00:00Z by root, commit 1a2b3c4`, or nothing."""
    applied = server.applied
    if not applied:
        return ""
    by = f" by {applied['by']}" if applied.get("by") else ""
    commit = f", commit {applied['commit']}" if applied.get("commit") else ""
    return f"{applied.get('time', '')}{by}{commit}"


def folded(items: Iterable[Item], shown: int = SHOWN) -> list[Item | str]:
    """The items in order; of very many of one sort the first ones, then how many more there are."""
    ordered = list(items)
    total = Counter((item.op, item.kind) for item in ordered)
    seen: Counter[tuple[str, str]] = Counter()
    out: list[Item | str] = []
    for item in ordered:
        sort = (item.op, item.kind)
        seen[sort] += 1
        if seen[sort] <= shown or total[sort] <= 2 * shown:
            out.append(item)
        elif seen[sort] == total[sort]:
            out.append(f"… and {total[sort] - shown} more to {item.op}: {item.kind}")
    return out
