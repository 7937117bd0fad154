"""From the lines that the callback pbx_results writes to a Plan. Pure.

A line is one result of one task on one server: host, play, task, status, actions (each with `live` and `wanted` where
they may be shown), pending_restart, revisions, warnings, message, `read` (a digest of what was compared) and `plan`:
what a module tells about the whole, such as the calls that are up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pbx.desired.digest import canonical
from pbx.desired.plan import Failure, Item, OwnSetting, Plan, Refusal, Scope, Server, Verb, Wanted
from pbx.desired.shown import MODEL

Line = Mapping[str, Any]
MODELLED = MODEL | {"model"}
BAD = {"failed", "unreachable"}


def plan_of(verb: Verb, lines: Iterable[Line], scope: Scope, made: str) -> Plan:
    """The plan that these results add up to."""
    ordered = list(lines)
    facts = [line["plan"] for line in ordered if line.get("plan")]
    compiled: Mapping[str, Any] = next((one["compiled"] for one in facts if "compiled" in one), {})
    servers = tuple(_server(name, [one for one in ordered if one["host"] == name]) for name in _hosts(ordered))
    items = [item for server in servers for item in server.items]
    modelled = {item.server for item in items if item.kind in MODELLED}  # with --tags hosts the model is left alone
    reached = [line["plan"] for line in ordered if line.get("plan") and line["host"] in modelled]
    numbers = frozenset(number for one in reached for number in one.get("numbers", ()))
    users = frozenset(user for one in reached for user in one.get("users", ()))
    domains: Mapping[str, str] = compiled.get("domains", {})
    return Plan(
        verb=verb,
        made=made,
        scope=replace(scope, servers=compiled.get("servers", "")),
        wanted=Wanted(
            compiled.get("digest", ""),
            compiled.get("site_revision", ""),
            dict(compiled.get("tenants", {})),
            dict(compiled.get("about", {})),
        ),
        servers=servers,
        numbers=numbers | _numbers_of(items, numbers),
        users=users | _users_of(items, users, domains),
        warnings=tuple(dict.fromkeys(text for line in ordered for text in line.get("warnings", ()))),
        refusals=tuple(
            Refusal(line["host"], one["text"], one["option"])
            for line in ordered
            for one in (line.get("plan") or {}).get("refusals", ())
        ),
        failures=tuple(_failure(line) for line in ordered if line["status"] in BAD),
        own_settings=_own_settings(row for one in facts for row in one.get("own_settings", ())),
    )


def _own_settings(rows: Iterable[Mapping[str, str]]) -> tuple[OwnSetting, ...]:
    """Each call process tells all that it knows; the newest word counts."""
    found: dict[tuple[str, str, str], OwnSetting] = {}
    for row in rows:
        one = OwnSetting(**{name: _printable(str(row[name])) for name in OwnSetting.__slots__})
        known = found.get((one.tenant, one.user, one.key))
        if known is None or known.changed < one.changed:
            found[one.tenant, one.user, one.key] = one
    return tuple(found[key] for key in sorted(found))


def _hosts(lines: list[Line]) -> list[str]:
    """Hosts in the order in which something came from them; those that only failed too."""
    return list(dict.fromkeys(line["host"] for line in lines))


def _failure(line: Line) -> Failure:
    return Failure(
        line["host"],
        line["task"],
        _printable(str(line.get("message") or "failed")),
        "unreachable" if line["status"] == "unreachable" else "failed",
        line.get("play", ""),
    )


def _printable(text: str) -> str:
    """Without what a program on a server may have sent to steer a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def _server(name: str, lines: list[Line]) -> Server:
    facts = [line["plan"] for line in lines if line.get("plan")]
    told: dict[str, Any] = {key: value for one in facts for key, value in one.items()}
    serving: Mapping[str, Any] = told.get("serving") or {}
    items = [_item(name, action) for line in lines for action in line["actions"]]
    waiting = tuple(dict.fromkeys(key for line in lines for key in line.get("pending_restart", ())))
    read = [[line["task"], line["read"]] for line in lines if line.get("read")]
    return Server(
        name=name,
        items=tuple({(one.name, one.fields): one for one in items}.values()),  # stage and expand may name the same
        pending_restart=waiting,
        live=_digest([read, sorted(waiting), serving]),
        site=str(serving.get("site_revision") or ""),
        tenants=dict(serving.get("tenants") or {}),
        calls=told.get("calls"),
        sessions=told.get("sessions"),
        carries_all=bool(told.get("carries_all")),
        applied=dict(told.get("applied") or {}),
    )


def _item(server: str, action: Mapping[str, Any]) -> Item:
    return Item(
        server=server,
        op=str(action["op"]),
        kind=str(action["kind"]),
        id=str(action["id"]),
        fields=tuple(map(str, action.get("fields") or ())),
        live=action.get("live"),
        wanted=action.get("wanted"),
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()[:12]


def _numbers_of(items: list[Item], known: frozenset[str]) -> frozenset[str]:
    """Numbers that an edge's rows name (`e164_digits/74951000100`) and no call server told of."""
    digits = {number.rpartition("/")[2].lstrip("+") for number in known}
    rows = {item.id.rpartition("/")[2].lstrip("+") for item in items if item.kind == "htable/did"}
    return frozenset(row for row in rows if not any(one.endswith(row.lstrip("0")) for one in digits))


def _users_of(items: list[Item], known: frozenset[str], domains: Mapping[str, str]) -> frozenset[str]:
    """Users whose devices' logins an edge's rows name (`ivanov-desk@romashka.example`)."""
    found = set()
    for item in items:
        if item.kind != "htable/ha1":
            continue
        local, _, domain = item.id.partition("@")
        tenant = domains.get(domain, domain)
        if not any(f"{tenant}/{local}".startswith(f"{user}-") for user in known):
            found.add(f"{tenant}/{local.rpartition('-')[0] or local}")
    return frozenset(found)
