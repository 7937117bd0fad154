"""The process configuration of pbx-calls and pbx-journal: /etc/pbx/calls.json, written by the role."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pbx.calls.live.connections import Edge
from pbx.server.config_file import ConfigError, told
from pbx.sip.address import Address
from pbx.store.node import name_of, numbered, port_of
from pbx.web.handshake import KEY

__all__ = ["STORE_PASSWORD", "CallsConfig", "ConfigError", "read", "store_password", "told"]

STORE_PASSWORD = "store_password"
"""Its name among the secrets of the process."""


@dataclass(frozen=True, slots=True)
class CallsConfig:
    """Read once at the start; `digest` (SHA-256, 12 hex) tells an apply what this process was started with."""

    name: str
    instance: int
    local: Address
    edges: dict[str, Edge]
    relays: list[tuple[str, str, int]]
    agents: list[tuple[str, int]]  # those beside the relays, who tell of digits
    beside: dict[str, str]  # relay → its agent, `address:port` both
    media_socket: str
    control: Path
    api: Path
    api_port: int | None  # of TCP, for pbx-web on other hosts
    journal: Path
    store: str
    document: Path
    secrets: Path
    messages: Path
    heard: Path
    mail: Mapping[str, Any] | None
    transcription: Mapping[str, Any] | None
    recogniser: str | None  # its socket
    spool: Path | None  # for recordings of rooms; of this process alone
    digest: str

    @property
    def node(self) -> str:
        """The name of this process in the journal and in leases."""
        return self.node_of(self.instance)

    def node_of(self, instance: int) -> str:
        """The name of a process of this host."""
        return name_of(self.name, instance)

    def store_password(self) -> str | None:
        """Of a store that is a server."""
        return store_password(self.secrets)

    def api_key(self) -> str | None:
        """What opens the API to other hosts."""
        return secret(self.secrets, KEY)


def store_password(secrets: Path) -> str | None:
    """From the secrets of a process."""
    return secret(secrets, STORE_PASSWORD)


def secret(secrets: Path, name: str) -> str | None:
    """From the secrets of a process; read each time, as it may change."""
    try:
        found = orjson.loads(secrets.read_bytes()).get(name)
    except (OSError, orjson.JSONDecodeError):
        return None
    return str(found) if found else None


def read(path: Path, instance: int | None = None) -> CallsConfig:
    """Read the file, for the process of this number on its host (default: the one that the file says): its SIP port
    and its sockets are counted from those of the first. Raises ConfigError."""
    with told(path):
        raw = path.read_bytes()
        data: dict[str, Any] = orjson.loads(raw)
        edges = {
            entry["name"]: Edge(
                name=entry["name"],
                inside=Address("udp", entry["address"], int(entry["port"])),
                public_host=entry.get("public") or entry["address"],
                public_port=int(entry.get("public_port", 5060)),
            )
            for entry in data["edges"]
        }
        number = int(data["instance"]) if instance is None else instance
        own = 1 if instance is None else instance
        api = data.get("api") or str(Path(data["control"]).with_name("api.sock"))  # absent before there was any
        return CallsConfig(
            name=data["name"],
            instance=number,
            local=Address("udp", data["listen"], port_of(own, int(data["port"]))),
            edges=edges,
            relays=[(entry["name"], entry["address"], int(entry["port"])) for entry in data["relays"]],
            agents=[(entry["address"], int(entry["digits"])) for entry in data["relays"] if "digits" in entry],
            beside={
                f"{entry['address']}:{entry['port']}": f"{entry['address']}:{entry['digits']}"
                for entry in data["relays"]
                if "digits" in entry
            },
            media_socket=data["media"]["socket"],
            control=Path(numbered(data["control"], own)),
            api=Path(numbered(api, own)),
            api_port=port_of(own, int(data["api_port"])) if data.get("api_port") else None,
            journal=Path(data["journal"]),
            store=data["store"],
            document=Path(data["document"]),
            secrets=Path(data["secrets"]),
            messages=Path(data.get("messages") or Path(data["journal"]).with_name("messages")),
            mail=data.get("mail"),
            transcription=data.get("transcription"),
            spool=Path(data["spool"]) / str(own) if data.get("spool") else None,
            recogniser=data.get("recogniser", {}).get("socket"),
            heard=Path(data.get("heard") or Path(data["control"]).with_name("heard")),
            digest=hashlib.sha256(raw).hexdigest()[:12],
        )
