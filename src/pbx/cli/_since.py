"""Since when something has drifted: files and services are asked once more, and only when something differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pbx.cli import _playbook
from pbx.desired.plan import Item, Plan, Server

ASKED = frozenset({"file", "directory", "link", "service"})
MOST = 200  # items a server: the rest is told by the last apply


def told(plan: Plan, what: _playbook.Run) -> Plan:
    """The same plan with `since` where a file's or a unit's time knows it; else `after the last apply of <time>`."""
    wanted = {
        server.name: [{"kind": item.kind, "id": item.id} for item in server.items if item.kind in ASKED][:MOST]
        for server in plan.servers
    }
    found: dict[tuple[str, str, str], str] = {}
    if any(wanted.values()) and not plan.failures:
        variables = {"pbx_since_items": {name: items for name, items in wanted.items() if items}}
        limit = ",".join(sorted(variables["pbx_since_items"]))
        asking = replace(what, playbook="since.yml", limit=limit, tags=None, variables=variables)
        outcome = _playbook.run(asking)
        for one in outcome.results:  # a server that does not answer costs the times only
            for item in (one.get("plan") or {}).get("since", ()):
                found[one["host"], item["kind"], item["id"]] = item["since"]
    return replace(plan, servers=tuple(_with(server, found) for server in plan.servers))


def _with(server: Server, found: dict[tuple[str, str, str], Any]) -> Server:
    applied = server.applied.get("time")
    last = f"after the last apply of {applied}" if applied else ""

    def since(item: Item) -> str:
        return found.get((server.name, item.kind, item.id)) or last

    return replace(server, items=tuple(replace(item, since=since(item)) for item in server.items))
