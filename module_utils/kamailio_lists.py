"""The two list files of an edge and what Kamailio has read from them: trusted addresses, watched targets.

Both live twice: in a text file (read at start) and in memory. Lines are written sorted, one row a line.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, KamailioRpc, RpcError

__all__ = [
    "Address",
    "Target",
    "addresses_text",
    "parse_addresses",
    "parse_targets",
    "running_addresses",
    "running_targets",
    "targets_text",
    "wanted_addresses",
    "wanted_targets",
]

HEADER = "# Written by apply. A change made here is undone by the next run.\n"
#: dispatcher.list writes the state as two letters: A, T, I, D and whether it is pinged (P or X).
DISABLED = "D"


class Address(NamedTuple):
    """A trusted source. Groups: 1 trunks, 2 call processes, 3 offices without flood control. Port 0 is any."""

    group: int
    ip: str
    mask: int
    port: int
    tag: str

    @property
    def name(self) -> str:
        return f"{self.group}/{self.ip}/{self.mask}:{self.port}"


class Target(NamedTuple):
    """A watched SIP target of a dispatcher set. `disabled`: taken out by a person (or wanted so)."""

    set: int
    uri: str
    priority: int
    attrs: str
    disabled: bool

    @property
    def name(self) -> str:
        return f"{self.set}/{self.uri}"


# ---- addresses


def wanted_addresses(document: Mapping[str, Any]) -> dict[str, Address]:
    """The document's rows by name."""
    rows = [
        Address(
            int(row["group"]), str(row["ip"]), int(row["mask"]), int(row.get("port") or 0), str(row.get("tag") or "")
        )
        for row in document.get("addresses", [])
    ]
    return {row.name: row for row in rows}


def addresses_text(rows: Iterable[Address]) -> str:
    """permissions' address_file: group address mask port tag."""
    lines = (f"{r.group} {_bracketed(r.ip)} {r.mask} {r.port} {r.tag}".rstrip() + "\n" for r in sorted(rows))
    return HEADER + "".join(lines)


def parse_addresses(text: str) -> dict[str, Address]:
    """Rows of an address_file; a line that cannot be read is not a row."""
    rows = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        with contextlib.suppress(ValueError, IndexError):
            ip = words[1].strip("[]")
            whole = ipaddress.ip_address(ip).max_prefixlen
            mask = int(words[2]) if len(words) > 2 else whole
            row = Address(int(words[0]), ip, mask, int(words[3]) if len(words) > 3 else 0, " ".join(words[4:5]))
            rows[row.name] = row
    return rows


def running_addresses(rpc: KamailioRpc) -> dict[str, Address] | None:
    """What Kamailio trusts now, or None when it is down. Single addresses and networks come from two commands."""
    try:
        single = rpc.dump("permissions.addressDump")
        networks = rpc.dump("permissions.subnetDump")
    except KamailioDown:
        return None
    rows = []
    for entry in [*single, *networks]:
        item = entry["item"]
        mask = int(item.get("mask", ipaddress.ip_address(item["ip"]).max_prefixlen))
        rows.append(Address(int(entry["group"]), item["ip"], mask, int(item["port"]), item.get("tag") or ""))
    return {row.name: row for row in rows}


def _bracketed(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip


# ---- dispatcher


def wanted_targets(document: Mapping[str, Any]) -> dict[str, Target]:
    """The document's rows by name; of the flags, 4 (disabled) is a state, the others are left to pings."""
    rows = [
        Target(
            int(row["set"]),
            str(row["uri"]),
            int(row.get("priority") or 0),
            str(row.get("attrs") or ""),
            bool(int(row.get("flags") or 0) & 4),
        )
        for row in document.get("dispatchers", [])
    ]
    return {row.name: row for row in rows}


def targets_text(rows: Iterable[Target]) -> str:
    """dispatcher's list_file: set uri flags priority attrs."""
    lines = (f"{r.set} {r.uri} {4 if r.disabled else 0} {r.priority} {r.attrs}".rstrip() + "\n" for r in sorted(rows))
    return HEADER + "".join(lines)


def parse_targets(text: str) -> dict[str, Target]:
    """Rows of a list_file; a line that cannot be read is not a row."""
    rows = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        with contextlib.suppress(ValueError, IndexError):
            flags = int(words[2]) if len(words) > 2 else 0
            priority = int(words[3]) if len(words) > 3 else 0
            row = Target(int(words[0]), words[1], priority, " ".join(words[4:5]), bool(flags & 4))
            rows[row.name] = row
    return rows


def running_targets(rpc: KamailioRpc) -> dict[str, Target] | None:
    """What Kamailio watches now, or None when it is down."""
    try:
        listed = rpc.dump("dispatcher.list")
    except KamailioDown:
        return None
    except RpcError as error:
        if "No Destination Sets" in error.message:
            return {}
        raise
    rows = []
    for record in listed["RECORDS"]:
        for target in record["SET"]["TARGETS"]:
            dest = target["DEST"]
            attrs = (dest.get("ATTRS") or {}).get("BODY") or ""
            disabled = str(dest["FLAGS"]).startswith(DISABLED)
            rows.append(Target(int(record["SET"]["ID"]), dest["URI"], int(dest["PRIORITY"]), attrs, disabled))
    return {row.name: row for row in rows}
