"""The servers of an inventory, as compiling sees them: names, groups, addresses; nothing that only the host knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STORES = ("sqlite", "postgresql")
GROUPS = ("edges", "relays", "calls", "media", "web", "store")
MOST_PROCESSES = 8  # of each kind on a host; their ports follow each other (docs/reference/shapes.md)


class InventoryError(ValueError):
    """The inventory lacks something that a document needs; the text names host and variable."""


@dataclass(frozen=True, slots=True)
class Host:
    """One server. `public_address` is what the outside sees of it behind NAT (else None)."""

    name: str
    groups: frozenset[str]
    sip_address: str = ""
    media_address: str = ""
    public_address: str | None = None
    store: str = "sqlite"  # or postgresql
    settings: Mapping[str, Any] = field(default_factory=dict)  # role → overrides of its settings by the inventory
    owners: Mapping[str, str] = field(default_factory=dict)  # tenant → call host, where the inventory says so
    call_processes: int = 1  # how many pbx-calls a call host runs
    engines: int = 1  # how many pbx-media a media host runs

    @property
    def public(self) -> str:
        """The address that peers outside should use for signalling."""
        return self.public_address or self.sip_address


def host_of(name: str, groups: Iterable[str], variables: Mapping[str, Any]) -> Host:
    """A host from its inventory variables; `media_address` defaults to `sip_address`."""
    mine = frozenset(groups) & frozenset(GROUPS)
    sip = str(variables.get("sip_address") or "")
    if mine & {"edges", "relays", "calls"} and not sip:
        raise InventoryError(f"host {name}: the inventory does not set sip_address")
    store = str(variables.get("pbx_store") or STORES[0])
    if store not in STORES:
        raise InventoryError(f"host {name}: pbx_store is {store!r}; it may be {' or '.join(STORES)}")
    settings = {
        role: variables[key]
        for role, key in (
            ("edge", "kamailio_settings"),
            ("relay", "rtpengine_settings"),
            ("web", "pbx_web_settings"),
            ("mail", "pbx_mail_settings"),
            ("recording", "pbx_recording_settings"),
            ("transcription", "pbx_transcription_settings"),
            ("recogniser", "pbx_recogniser_settings"),
        )
        if isinstance(variables.get(key), Mapping)
    }
    pinned = variables.get("pbx_owners") or {}
    if not isinstance(pinned, Mapping):
        raise InventoryError(
            f"host {name}: pbx_owners is no mapping of tenants to call hosts, such as {{romashka: calls1}}"
        )
    return Host(
        name=name,
        groups=mine,
        sip_address=sip,
        media_address=str(variables.get("media_address") or sip),
        public_address=str(variables["public_address"]) if variables.get("public_address") else None,
        store=store,
        settings=settings,
        owners={str(tenant): str(owner) for tenant, owner in pinned.items()},
        call_processes=_number(name, variables, "pbx_calls_instances", "call processes"),
        engines=_number(name, variables, "pbx_media_instances", "media engines"),
    )


def _number(host: str, variables: Mapping[str, Any], name: str, what: str) -> int:
    given = variables.get(name, 1)
    if str(given).isdigit() and 1 <= int(given) <= MOST_PROCESSES:
        return int(given)
    raise InventoryError(f"host {host}: {name} is {given!r}; it is a number of {what}, 1 to {MOST_PROCESSES}")


def of_group(hosts: Iterable[Host], group: str) -> list[Host]:
    """The hosts of a group, by name."""
    return sorted((host for host in hosts if group in host.groups), key=lambda host: host.name)
