"""A plan as text: what differs on which server. Values are never shown, so no secret can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pbx.cli._playbook import Outcome

SHOWN = 20
SIGNS = {"create": "+", "update": "~", "delete": "-"}  # any other op acts on a service


def lines(outcome: Outcome) -> list[str]:
    """By host, one line an action, then what waits, then the sum."""
    out: list[str] = []
    hosts = dict.fromkeys(host for host, _action in outcome.changes)
    for host in hosts:
        out.append(host)
        out += [f"  {line}" for line in folded([action for name, action in outcome.changes if name == host])]
    out += [f"{host}: {key} waits for a restart without calls" for host, key in outcome.waiting]
    return [*out, summary(action for _host, action in outcome.changes)]


def folded(actions: list[dict[str, Any]]) -> list[str]:
    """One line an action; of very many of one sort the first ones and how many more there are."""
    out: dict[str, None] = {}
    seen: Counter[tuple[str, str]] = Counter()
    total = Counter((action["op"], action["kind"]) for action in actions)
    for action in actions:
        sort = (action["op"], action["kind"])
        seen[sort] += 1
        if seen[sort] <= SHOWN or total[sort] <= 2 * SHOWN:
            out[line_of(action)] = None
        elif seen[sort] == total[sort]:
            out[f"… and {total[sort] - SHOWN} more to {action['op']}: {action['kind']}"] = None
    return list(out)


def line_of(action: dict[str, Any]) -> str:
    """`~ user romashka/ivanov (caller_id)`."""
    sign = SIGNS.get(action["op"])
    head = f"{sign} {action['kind']}" if sign else f"! {action['op']} {action['kind']}"
    fields = f" ({', '.join(action['fields'])})" if action.get("fields") else ""
    return f"{head} {action['id']}{fields}"


def summary(actions: Iterable[dict[str, Any]]) -> str:
    """`3 to create, 1 to change, 0 to delete, 2 service actions`, or that there is nothing."""
    counts = Counter(action["op"] if action["op"] in SIGNS else "act" for action in actions)
    if not counts:
        return "no differences"
    return (
        f"{counts['create']} to create, {counts['update']} to change, {counts['delete']} to delete, "
        f"{counts['act']} service actions"
    )


def failures(outcome: Outcome) -> list[str]:
    """Each failure with its host, for stderr."""
    return [f"error: {one['host']}: {one['task']}: {one['message']}" for one in outcome.failures]


def restored(outcome: Outcome) -> list[str]:
    """After a failed apply: what each server has now."""
    out = []
    for host in dict.fromkeys(one["host"] for one in outcome.results):
        mine = [one for one in outcome.results if one["host"] == host]
        problem = next((one["message"] for one in mine if one["status"] in {"failed", "unreachable"}), None)
        revisions: dict[str, Any] = next((one["revisions"] for one in mine if one["revisions"]), {})
        if problem:
            out.append(f"{host}: not put back: {problem.splitlines()[0]}")
        elif revisions:
            out.append(f"{host}: has the revision from before ({_revision_text(revisions)})")
        else:
            out.append(f"{host}: keeps what it has; no earlier apply was verified there")
    return out


def _revision_text(revisions: dict[str, Any]) -> str:
    tenants = "".join(f", {name} {revision}" for name, revision in sorted((revisions.get("tenants") or {}).items()))
    return f"site {revisions.get('site')}{tenants}"
