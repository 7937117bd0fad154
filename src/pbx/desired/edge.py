"""The document of an edge: tables of Kamailio as data. Passwords are named, never contained."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from pbx.desired.hosts import Host, of_group
from pbx.desired.owners import call_processes, owners
from pbx.desired.secrets import tenant_token
from pbx.desired.trunks import in_format, target
from pbx.model.objects import Model, Tenant, Trunk

Secret = dict[str, str]  # {"secret": name}

GROUP_TRUNKS, GROUP_CALLS, GROUP_EDGES = 1, 2, 4  # groups of the permissions module
SET_CALLS, FIRST_TRUNK_SET = 1, 10  # sets of the dispatcher module
PATIENCE_WITH_ONE = 2500  # ms; a killed call process serves again after about one second
PATIENCE = 4500  # ms; a dead one is followed by another after three beats that it missed, and one to see it
SETTINGS: Mapping[str, int | str] = {"pbx.max_fail": 5}


def _patience(hosts: list[Host]) -> Mapping[str, int]:
    """What comes while a call process is dead waits until it is started again or another one serves its tenants."""
    return {"pbx.owner_timeout": PATIENCE_WITH_ONE if len(call_processes(hosts)) == 1 else PATIENCE}


def all_trunks(model: Model) -> list[Trunk]:
    """The site's and all tenants' own trunks, each once, by key."""
    by_key = {trunk.key: trunk for trunk in model.site_trunks.values()}
    for tenant in model.tenants.values():
        by_key.update((trunk.key, trunk) for trunk in tenant.trunks.values())
    return [by_key[key] for key in sorted(by_key)]


def devices_of(tenant: Tenant) -> list[tuple[str, str, str]]:
    """(SIP user, user id, device id) of each device that registers."""
    return sorted(
        (f"{user.id}-{device.id}", user.id, device.id)
        for user in tenant.users.values()
        for device in user.devices.values()
        if device.type != "outside"
    )


def did_keys(tenant: Tenant) -> list[str]:
    """`<receive format>/<R-URI user>` for each number, in each format that a trunk of the tenant uses."""
    formats = sorted({trunk.receive for trunk in tenant.trunks.values()})
    return sorted(
        f"{form}/{text}" for number in tenant.numbers for form in formats for text in in_format(tenant, number, form)
    )


def _states(tenant: Tenant) -> dict[str, str]:
    return {number: found.state for number, found in sorted(tenant.numbers.items())}


def addresses(model: Model, hosts: list[Host], edge: Host) -> list[dict[str, Any]]:
    """Who is trusted by source address: trunks, call processes, and the other edges."""
    rows = [_address(GROUP_CALLS, host.sip_address, host.name) for host in of_group(hosts, "calls")]
    rows += [_address(GROUP_EDGES, one.sip_address, one.name) for one in of_group(hosts, "edges") if one != edge]
    for trunk in all_trunks(model):
        rows += [_address(GROUP_TRUNKS, text, f"{trunk.key}/{trunk.receive}") for text in trunk.addresses]
    return sorted(rows, key=lambda row: (row["group"], row["ip"], row["mask"], row["port"], row["tag"]))


def _address(group: int, text: str, tag: str) -> dict[str, Any]:
    network = ipaddress.ip_network(text, strict=False)
    return {"group": group, "ip": str(network.network_address), "mask": network.prefixlen, "port": 0, "tag": tag}


def dispatchers(model: Model, hosts: list[Host]) -> list[dict[str, Any]]:
    """Call processes in set 1; each trunk that is pinged in a set of its own."""
    rows: list[dict[str, Any]] = [_target(SET_CALLS, one.uri, f"name={one.label}") for one in call_processes(hosts)]
    pinged = [trunk for trunk in all_trunks(model) if trunk.options_ping]
    for number, trunk in enumerate(pinged):
        rows.append(_target(FIRST_TRUNK_SET + number, target(trunk), f"name={trunk.key}"))
    return rows


def _target(set_: int, uri: str, attrs: str) -> dict[str, Any]:
    return {"set": set_, "uri": uri, "flags": 0, "priority": 0, "attrs": attrs}


def registrations(model: Model, edge: Host, first: bool) -> list[dict[str, Any]]:
    """Trunks that want a REGISTER; one edge (the first) does it. Field names are those of Kamailio's `uacreg`."""
    if not first:
        return []
    return [_registration(trunk, edge) for trunk in all_trunks(model) if trunk.register and trunk.login_user]


def _registration(trunk: Trunk, edge: Host) -> dict[str, Any]:
    uri = target(trunk)
    host = uri.removeprefix("sip:").split(";")[0].rsplit(":", 1)[0]
    transport = uri.rsplit("=", 1)[1]
    port = 5061 if transport == "tls" else 5060
    return {
        "l_uuid": trunk.key,
        "l_username": trunk.login_user,
        "l_domain": edge.public,
        "r_username": trunk.login_user,
        "r_domain": host,
        "realm": "",
        "auth_username": trunk.login_user,
        "auth_password": {"secret": trunk.login_secret},
        "auth_ha1": "",
        "auth_proxy": uri,
        "expires": 300,
        "flags": 0,
        "reg_delay": 0,
        "contact_addr": f"{edge.public}:{port}" + ("" if transport == "udp" else f";transport={transport}"),
        "socket": f"{transport}:{edge.sip_address}:{port}",
    }


def document(model: Model, hosts: list[Host], edge: Host) -> dict[str, Any]:
    """The edge's document without the revisions (the compiler adds them)."""
    owner = owners(model, hosts)
    tables: dict[str, dict[str, str]] = {name: {} for name in ("domain", "did", "owner", "token", "emergency", "trunk")}
    ha1: dict[str, Secret] = {}
    for tenant in model.tenants.values():
        tables["domain"][tenant.domain] = tenant.id
        tables["token"][tenant_token(tenant.id)] = tenant.id
        if tenant.id in owner:
            tables["owner"][tenant.id] = owner[tenant.id].uri
        tables["did"].update(dict.fromkeys(did_keys(tenant), tenant.id))
        tables["emergency"].update({f"{tenant.id}/{number}": "1" for number in tenant.emergency_numbers})
        for sip_user, _user, _device in devices_of(tenant):
            address = f"{sip_user}@{tenant.domain}"
            ha1[address] = {"secret": f"ha1/{address}"}
    tables["trunk"] = {trunk.key: target(trunk) for trunk in all_trunks(model)}
    return {
        "htables": tables,
        "ha1": ha1,
        # not for Kamailio: what a later apply of this edge alone must not delete unasked
        "numbers": {tenant.id: _states(tenant) for tenant in model.tenants.values()},
        "addresses": addresses(model, hosts, edge),
        "dispatchers": dispatchers(model, hosts),
        "registrations": registrations(model, edge, first=edge == of_group(hosts, "edges")[0]),
        "settings": {**SETTINGS, **_patience(hosts), **edge.settings.get("edge", {})},
    }
