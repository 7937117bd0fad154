"""A plan as a file that an apply can be held to: `pbx-plan/v1`, described by schemas/output/plan.schema.json.

The checksum finds a file that was altered or cut on its way; it proves nothing against somebody who may write such
files: that is the work of the place where they are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pbx.desired.digest import canonical
from pbx.desired.plan import Item, Plan, Scope, Server

FORMAT = "pbx-plan/v1"  # within v1 keys are only added
SHOWN = 12  # lines of a refusal


class PlanFileError(ValueError):
    """The file is no plan, or not the one that was written."""


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON data, with its checksum."""
    radius, wanted, scope = plan.radius, plan.wanted, plan.scope
    body: dict[str, Any] = {
        "format": FORMAT,
        "verb": plan.verb,
        "made": plan.made,
        "scope": {
            "inventory": scope.inventory,
            "servers": scope.servers,
            "limit": scope.limit,
            "tags": scope.tags,
            "remove_tenants": list(scope.remove_tenants),
        },
        "about": wanted.about,
        "wanted": {"digest": wanted.digest, "site": wanted.site, "tenants": wanted.tenants},
        "live": {"digest": live_digest(plan)},
        "summary": {
            **plan.counts,
            "pending_restart": len(plan.waiting),
            "numbers": radius.numbers,
            "users": radius.users,
            "live_calls": radius.calls,
        },
        "numbers": sorted(plan.numbers),
        "users": sorted(plan.users),
        "servers": [_server(one) for one in plan.servers],
        "warnings": list(plan.warnings),
        "refusals": [{"server": one.server, "text": one.text, "option": one.option} for one in plan.refusals],
        "failures": [
            {"server": one.server, "task": one.task, "status": one.status, "message": one.message}
            for one in plan.failures
        ],
        "own_settings": [asdict(one) for one in plan.own_settings],
        "exit_code": plan.exit_code(),
    }
    return {**body, "checksum": checksum(body)}


def _server(server: Server) -> dict[str, Any]:
    return {
        "name": server.name,
        "live": {"digest": server.live, "site": server.site, "tenants": server.tenants},
        "calls": server.calls if server.sessions is None else server.sessions,
        "applied": server.applied,
        "items": [_item(one) for one in server.items],
        "pending_restart": list(server.pending_restart),
    }


def _item(item: Item) -> dict[str, Any]:
    """Keys that say nothing are left out."""
    told: dict[str, Any] = {
        "op": item.op,
        "kind": item.kind,
        "id": item.id,
        "owner": "git",  # what people own is in own_settings
        "fields": list(item.fields),
    }
    optional = {"live": item.live, "wanted": item.wanted, "since": item.since or None}
    return {**told, **{key: value for key, value in optional.items() if value is not None}}


def live_digest(plan: Plan) -> str:
    """Of what was read on every server."""
    return hashlib.sha256(canonical({one.name: one.live for one in plan.servers})).hexdigest()[:12]


def checksum(body: Mapping[str, Any]) -> str:
    """Over everything but itself."""
    rest = {key: value for key, value in body.items() if key != "checksum"}
    return f"sha256:{hashlib.sha256(canonical(rest)).hexdigest()}"


def read(text: str) -> dict[str, Any]:
    """A plan that an apply may follow. Raises PlanFileError."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise PlanFileError(f"this is no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise PlanFileError(f"this is no plan of the format {FORMAT}; make one with pbx plan -o json:FILE")
    if found.get("checksum") != checksum(found):
        raise PlanFileError("the file was altered after it was written: its checksum does not fit; make the plan again")
    if found["verb"] != "plan":
        raise PlanFileError(f"this was written by pbx {found['verb']}; an apply follows what pbx plan wrote")
    if found["failures"]:
        raise PlanFileError("something failed when this plan was made, so it is not whole; make the plan again")
    return found


def outside(document_: Mapping[str, Any], scope: Scope) -> list[str]:
    """Why this plan is for something else than what an apply is about to do, by the words of the command line."""
    made = document_["scope"]
    said = {"limit": scope.limit, "tags": scope.tags, "remove_tenants": list(scope.remove_tenants)}
    options = {"limit": "--limit", "tags": "--tags", "remove_tenants": "--remove-tenant"}
    return [
        f"it was made with {options[key]} {_words(made[key])}, this is with {_words(value)}"
        for key, value in said.items()
        if made[key] != value
    ]


def changed(document_: Mapping[str, Any], now: Plan) -> list[str]:
    """What is not as it was when the plan was made; nothing when the plan still holds."""
    if document_["scope"]["servers"] != now.scope.servers:
        return [f"the plan is for another inventory ({document_['scope']['inventory']}): other servers or addresses"]
    out = _changed_wanted(document_["wanted"], now)
    before = {one["name"]: one for one in document_["servers"]}
    after = {one.name: one for one in now.servers}
    out += [f"{name}: was not in the plan" for name in after if name not in before]
    out += [f"{name}: was in the plan and is not there" for name in before if name not in after]
    for name, server in after.items():
        if name in before and before[name]["live"]["digest"] != server.live:
            out += _changed_live(before[name], server)
    return out


def _changed_wanted(made: Mapping[str, Any], now: Plan) -> list[str]:
    wanted = now.wanted
    if made["digest"] == wanted.digest:
        return []
    old, new = {"site": made["site"], **made["tenants"]}, {"site": wanted.site, **wanted.tenants}
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if not names:
        return ["wanted: variables or secrets of the inventory have changed since the plan"]
    return [f"wanted: {name} was {old.get(name, 'absent')}, is {new.get(name, 'absent')}" for name in names]


def _changed_live(made: Mapping[str, Any], server: Server) -> list[str]:
    before = {_key(one): one for one in made["items"]}
    after = {_key(one): one for one in map(_item, server.items)}
    lines = [f"{server.name}: not any more: {_told(after_or)}" for key, after_or in before.items() if key not in after]
    lines += [f"{server.name}: new: {_told(one)}" for key, one in after.items() if key not in before]
    lines += [
        f"{server.name}: other: {_told(one)}" for key, one in after.items() if key in before and before[key] != one
    ]
    if not lines:
        lines = [f"{server.name}: what it has changed after the plan was made, by hand or by another apply"]
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"{server.name}: and {more} more"] if more > 0 else [])]


def _key(item: Mapping[str, Any]) -> tuple[str, ...]:
    return item["op"], item["kind"], item["id"], *item["fields"]


def _told(item: Mapping[str, Any]) -> str:
    fields = f" ({', '.join(item['fields'])})" if item["fields"] else ""
    return f"{item['op']} {item['kind']} {item['id']}{fields}"


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value or "none")
