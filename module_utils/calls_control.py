"""The control socket of pbx-calls, and what differs between two documents of it. Standard library only."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import action

__all__ = ["ControlError", "command", "object_changes", "served"]

Document = Mapping[str, Any]


class ControlError(Exception):
    """The process answered that it cannot."""


def command(at: str, name: str, timeout: float = 30.0, **more: Any) -> dict[str, Any] | None:
    """Send one command; None when nobody listens there (a bare host, a stopped process)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(at)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        connection.sendall(json.dumps({"id": 1, "cmd": name, **more}).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline()
    answer: dict[str, Any] = json.loads(line) if line else {"ok": False, "error": "the connection was closed"}
    if not answer.get("ok"):
        raise ControlError(str(answer.get("error")))
    return answer


def served(document: Document) -> dict[str, Any]:
    """The revisions that a process serving this document reports."""
    tenants = {id_: one["revision"] for id_, one in document.get("tenants", {}).items()}
    return {"site_revision": document.get("site_revision", ""), "tenants": tenants}


def object_changes(have: Document, want: Document) -> list[dict[str, Any]]:
    """One action for each object of the model that differs: `user romashka/ivanov (caller_id)`."""
    found = []
    old, new = have.get("tenants", {}), want.get("tenants", {})
    for tenant in sorted({*old, *new}):
        if tenant not in new:
            found.append(action("delete", "tenant", tenant))
            continue
        found += _between(tenant, old.get(tenant, {}).get("plain", {}), new[tenant]["plain"])
    return [*found, *_between("site", have.get("site", {}).get("plain", {}), want["site"]["plain"])]


def _between(owner: str, have: Document, want: Document) -> Iterator[dict[str, Any]]:
    for kind in sorted({*have, *want}):
        old, new = have.get(kind) or {}, want.get(kind) or {}
        if old == new:
            continue
        if not kind.endswith("s"):  # a single thing: tenant, emergency
            yield action("update" if old else "create", kind, owner, _fields(old, new) if old else [])
            continue
        singular = kind[:-1]
        for id_ in sorted({*old, *new}):
            if id_ not in new:
                yield action("delete", singular, f"{owner}/{id_}")
            elif id_ not in old:
                yield action("create", singular, f"{owner}/{id_}")
            elif old[id_] != new[id_]:
                yield action("update", singular, f"{owner}/{id_}", _fields(old[id_], new[id_]))


def _fields(have: Any, want: Any) -> list[str]:
    if not (isinstance(have, Mapping) and isinstance(want, Mapping)):
        return []
    return sorted(key for key in {*have, *want} if have.get(key) != want.get(key))
