"""The document of a web host, the tokens by their hashes, and the configuration of its process."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from pbx.desired import calls, keeper, store
from pbx.desired.hosts import Host, InventoryError, of_group
from pbx.desired.owners import CallProcess, call_processes
from pbx.desired.secrets import SecretError, Secrets, api_token
from pbx.model.objects import Model, Tenant
from pbx.model.services import ApiToken
from pbx.store.node import numbered, port_of

STATE = "/var/lib/pbx-web"
KEY = "api_key"  # pbx.web.handshake
CERTIFICATES = {"certificate": "/etc/pbx/web/server.pem", "key": "/etc/pbx/web/server.key"}
PORT = 9443


def document(model: Model, secrets: Secrets) -> dict[str, Any]:
    """Tenant → its tokens, and which roles hear the recordings of each policy. Raises SecretError, which names every
    one that is wanting."""
    tenants: dict[str, Any] = {}
    wanting: list[str] = []
    known: dict[str, str] = {}
    for tenant in model.tenants.values():
        tokens = []
        for token in tenant.services.api_tokens.values():
            try:
                row = _token(tenant, token, secrets)
            except SecretError as error:
                wanting.append(str(error))
                continue
            name = f"{tenant.id}: api_tokens/{token.id}"
            if known.setdefault(row["sha256"], name) != name:
                wanting.append(f"{name}: the same token as {known[row['sha256']]}")
            tokens.append(row)
        policies = {one.id: sorted(one.listen) for one in tenant.services.recordings.values()}
        tenants[tenant.id] = {"tokens": tokens, "recordings": policies}
    if wanting:
        raise SecretError("\n".join(wanting))
    return {"tenants": tenants}


def _token(tenant: Tenant, token: ApiToken, secrets: Secrets) -> dict[str, Any]:
    value = api_token(secrets.site_key, secrets.given, tenant.id, token)
    end = datetime.combine(token.expires + timedelta(days=1), time(), UTC).timestamp() if token.expires else None
    return {
        "id": token.id,
        "role": token.role,
        "sha256": hashlib.sha256(value.encode()).hexdigest(),
        "rate": token.rate,
        **({"user": token.user} if token.user else {}),
        **({"hears": hears} if (hears := _hears(tenant, token)) else {}),
        **({"scopes": sorted(token.scopes)} if token.scopes else {}),
        **({"expires": end} if end is not None else {}),
    }


def _hears(tenant: Tenant, token: ApiToken) -> str | None:
    """The role of the model in which recordings are heard with it."""
    return tenant.users[token.user].role if token.user else token.listens_as


def api_key(secrets: Secrets) -> str:
    """What opens the API of call processes to the web hosts, made of the site key."""
    if len(secrets.site_key) < 32:
        raise SecretError("pbx_site_key: at least 32 characters are needed")
    return hmac.new(secrets.site_key.encode(), b"pbx-api-key", hashlib.sha256).hexdigest()


def key_of_asker(host: Host, hosts: Sequence[Host], secrets: Secrets) -> dict[str, str]:
    """Of a web host that asks call processes of other hosts; else nothing."""
    return {KEY: api_key(secrets)} if any(one != host for one in of_group(hosts, "calls")) else {}


def key_of_asked(host: Host, hosts: Sequence[Host], secrets: Secrets) -> dict[str, str]:
    """Of a call host that web hosts other than itself ask; else nothing."""
    return {KEY: api_key(secrets)} if calls.is_asked_by_others(host, list(hosts)) else {}


def _place(one: CallProcess, host: Host) -> dict[str, Any]:
    if one.host == host:
        return {"name": one.label, "socket": numbered(calls.API, one.instance)}
    return {"name": one.label, "address": one.host.sip_address, "port": port_of(one.instance, calls.FIRST_API_PORT)}


def process(host: Host, hosts: Sequence[Host]) -> dict[str, Any]:
    """/etc/pbx/web.json. Call processes of its own host are asked over their sockets, others over TCP. Raises
    InventoryError."""
    if "calls" not in host.groups:
        raise InventoryError(f"host {host.name}: a host of the group web is one of the group calls as well")
    settings = dict(host.settings.get("web", {}))
    if strange := sorted(set(settings) - {"port", "tls"}):
        raise InventoryError(f"host {host.name}: pbx_web_settings has no {strange[0]}; it has port and tls")
    tls = settings.get("tls", CERTIFICATES)
    return {
        "listen": host.sip_address if tls else "127.0.0.1",  # in clear it is for a proxy on the same host
        "port": int(settings.get("port", PORT)),
        "tls": dict(tls) if tls else None,
        "calls": [_place(one, host) for one in call_processes(hosts)],
        "store": store.place(list(hosts)),
        "tokens": f"{STATE}/tokens.json",
        "secrets": f"{STATE}/secrets.json",
        "audit": f"{STATE}/audit.jsonl",
        "keeper": keeper.place(host, hosts),
    }
