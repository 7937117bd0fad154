"""The store of call records and leases: a file of each call host, or PostgreSQL on the host of the group `store`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from pbx.desired.hosts import Host, InventoryError, of_group
from pbx.desired.secrets import PASSWORD_LENGTH, SecretError, Secrets

FILE = "/var/lib/pbx/store.sqlite"
NAME, USER, PORT = "pbx", "pbx", 5432
PASSWORD = "store_password"  # among `pbx_secrets`, and among the secrets of call processes


def server(hosts: list[Host]) -> Host | None:
    """The host that runs PostgreSQL for all; None when each call host keeps its own file. Raises InventoryError."""
    found = [host for host in of_group(hosts, "store") if host.store == "postgresql"]
    if len(found) > 1:
        names = ", ".join(host.name for host in found)
        raise InventoryError(f"group store: pbx_store: postgresql is one host, here are {names}")
    if found and not found[0].sip_address:
        raise InventoryError(f"host {found[0].name}: the inventory does not set sip_address")
    wanting = [host.name for host in of_group(hosts, "calls") if host.store == "postgresql"]
    if wanting and not found:
        raise InventoryError(f"host {wanting[0]}: pbx_store is postgresql, and no host of the group store has it")
    return found[0] if found else None


def place(hosts: list[Host]) -> str:
    """Where call processes find the store: a file, or a URL without the password."""
    host = server(hosts)
    return f"postgresql://{USER}@{host.sip_address}:{PORT}/{NAME}?sslmode=require" if host else FILE


def password(secrets: Secrets) -> str:
    """The given one, else one made of the site key."""
    given = secrets.given.get(PASSWORD)
    if given:
        return given
    if len(secrets.site_key) < 32:
        raise SecretError("pbx_site_key: at least 32 characters are needed")
    digest = hmac.new(secrets.site_key.encode(), b"pbx-store-password", hashlib.sha256).digest()
    return base64.b32encode(digest).decode("ascii").lower().rstrip("=")[:PASSWORD_LENGTH]


def document(host: Host, hosts: list[Host]) -> dict[str, Any]:
    """What PostgreSQL on this host serves, and to whom."""
    return {
        "database": NAME,
        "user": USER,
        "password": {"secret": PASSWORD},
        "listen": host.sip_address,
        "port": PORT,
        "clients": [one.sip_address for one in of_group(hosts, "calls")],
    }
