"""Which call process owns which tenant: decided here, written into the edges' owner table (contracts §1.1)."""

from __future__ import annotations

import hashlib

from pbx.desired.hosts import Host, of_group
from pbx.model.objects import Model


def owners(model: Model, hosts: list[Host]) -> dict[str, Host]:
    """tenant id → call host. Rendezvous: a new tenant or host moves no tenant that need not move."""
    candidates = of_group(hosts, "calls")
    if not candidates:
        return {}
    return {tenant: max(candidates, key=lambda host: _weight(tenant, host)) for tenant in sorted(model.tenants)}


def _weight(tenant: str, host: Host) -> tuple[str, str]:
    return hashlib.sha256(f"{tenant}@{host.name}".encode()).hexdigest(), host.name
