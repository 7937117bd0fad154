"""The document of a web host, the tokens by their hashes, and the configuration of its process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from pbx.desired import calls, store
from pbx.desired.hosts import Host, InventoryError
from pbx.desired.owners import call_processes
from pbx.desired.secrets import SecretError, Secrets, api_token
from pbx.model.objects import Model, Tenant
from pbx.model.services import ApiToken
from pbx.store.node import numbered

STATE = "/var/lib/pbx-web"
CERTIFICATES = {"certificate": "/etc/pbx/web/server.pem", "key": "/etc/pbx/web/server.key"}
PORT = 9443


def document(model: Model, secrets: Secrets) -> dict[str, Any]:
    """Tenant → its tokens. Raises SecretError, which names every one that is wanting."""
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
        tenants[tenant.id] = {"tokens": tokens}
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
        **({"scopes": sorted(token.scopes)} if token.scopes else {}),
        **({"expires": end} if end is not None else {}),
    }


def process(host: Host, hosts: Sequence[Host]) -> dict[str, Any]:
    """/etc/pbx/web.json. Raises InventoryError: the call process is asked over a socket of its own host."""
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
        "calls": [{"name": one.label, "socket": numbered(calls.API, one.instance)} for one in call_processes([host])],
        "store": store.place(list(hosts)),
        "tokens": f"{STATE}/tokens.json",
        "secrets": f"{STATE}/secrets.json",
        "audit": f"{STATE}/audit.jsonl",
    }
