"""Which call process owns which tenant: decided here, written into the edges' owner table (contracts §1.1)."""

from __future__ import annotations

import hashlib

from pbx.desired.hosts import Host, InventoryError, of_group
from pbx.model.objects import Model


def owners(model: Model, hosts: list[Host]) -> dict[str, Host]:
    """tenant id → call host: the one that `pbx_owners` of the inventory names, else by rendezvous, so that a new tenant
    or host moves no tenant that need not move. Raises InventoryError."""
    candidates = of_group(hosts, "calls")
    if not candidates:
        return {}
    return {tenant: _owner(tenant, candidates) for tenant in sorted(model.tenants)}


def _owner(tenant: str, candidates: list[Host]) -> Host:
    pinned = candidates[0].owners.get(tenant)
    if pinned is None:
        return max(candidates, key=lambda host: _weight(tenant, host))
    for host in candidates:
        if host.name == pinned:
            return host
    known = ", ".join(host.name for host in candidates)
    raise InventoryError(f"pbx_owners: {tenant}: no host {pinned} in the group calls; there are: {known}")


def _weight(tenant: str, host: Host) -> tuple[str, str]:
    return hashlib.sha256(f"{tenant}@{host.name}".encode()).hexdigest(), host.name
