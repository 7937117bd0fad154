"""Which call process owns which tenant: decided here, written into the edges' owner table (contracts §1.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pbx.desired.calls import FIRST_PORT
from pbx.desired.hosts import Host, InventoryError, of_group
from pbx.model.objects import Model
from pbx.store import node


@dataclass(frozen=True, slots=True)
class CallProcess:
    """One pbx-calls of a call host, by its number from 1."""

    host: Host
    instance: int

    @property
    def name(self) -> str:
        """As in leases and call records."""
        return node.name_of(self.host.name, self.instance)

    @property
    def label(self) -> str:
        """For people: the first of a host is called as the host."""
        return self.host.name if self.instance == 1 else self.name

    @property
    def uri(self) -> str:
        """Where the edges send its calls."""
        return f"sip:{self.host.sip_address}:{node.port_of(self.instance, FIRST_PORT)}"


def call_processes(hosts: Iterable[Host]) -> list[CallProcess]:
    """Those of all call hosts, by name of the host and number."""
    return [
        CallProcess(host, instance)
        for host in of_group(hosts, "calls")
        for instance in range(1, host.call_processes + 1)
    ]


def owners(model: Model, hosts: list[Host]) -> dict[str, CallProcess]:
    """tenant id → call process: of the host, or the one process, that `pbx_owners` of the inventory names, else of all;
    among several by rendezvous, so that a new tenant, host or process moves no tenant that need not move. Raises
    InventoryError."""
    candidates = call_processes(hosts)
    if not candidates:
        return {}
    return {tenant: _owner(tenant, candidates) for tenant in sorted(model.tenants)}


def _owner(tenant: str, candidates: list[CallProcess]) -> CallProcess:
    pinned = candidates[0].host.owners.get(tenant)
    if pinned is not None:
        fitting = [one for one in candidates if pinned in {one.host.name, one.name}]
        if not fitting:
            known = ", ".join(dict.fromkeys(one.host.name for one in candidates))
            raise InventoryError(f"pbx_owners: {tenant}: no host {pinned} in the group calls; there are: {known}")
        candidates = fitting
    return max(candidates, key=lambda one: _weight(tenant, one))


def _weight(tenant: str, one: CallProcess) -> tuple[str, str]:
    """The first process of a host weighs as the host did when it had no other."""
    return hashlib.sha256(f"{tenant}@{one.label}".encode()).hexdigest(), one.label
