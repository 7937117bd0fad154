"""The control socket of pbx-calls, and what differs between two documents of it. Standard library only."""

from __future__ import annotations

import glob
import json
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import Step

__all__ = ["FOLDER", "ControlError", "command", "everywhere", "object_steps", "served", "socket_of"]

Document = Mapping[str, Any]

FOLDER = "/run/pbx-calls"  # of the control sockets of all call processes of a host


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


def everywhere(at: str, name: str, timeout: float = 30.0, **more: Any) -> list[dict[str, Any]]:
    """Send one command to the process of a socket, or to all whose sockets lie in a folder; the answers of those that
    are there."""
    sockets = sorted(glob.glob(os.path.join(at, "control*.sock"))) if os.path.isdir(at) else [at]
    answers = [command(one, name, timeout, **more) for one in sockets]
    return [answer for answer in answers if answer is not None]


def socket_of(unit: str, folder: str = FOLDER) -> str:
    """The control socket of `pbx-calls@N.service`; for any other unit the folder with those of all call processes."""
    stem, _, number = unit.removesuffix(".service").partition("@")
    if stem != "pbx-calls":
        return folder
    return os.path.join(folder, "control.sock" if number == "1" else f"control-{number}.sock")


def served(document: Document) -> dict[str, Any]:
    """The revisions that a process serving this document reports."""
    tenants = {id_: one["revision"] for id_, one in document.get("tenants", {}).items()}
    return {"site_revision": document.get("site_revision", ""), "tenants": tenants}


def object_steps(have: Document, want: Document) -> list[Step]:
    """One step for each object of the model that differs: `user romashka/ivanov (caller_id)`."""
    found = []
    old, new = have.get("tenants", {}), want.get("tenants", {})
    for tenant in sorted({*old, *new}):
        if tenant not in new:
            found.append(Step("delete", "tenant", tenant, {"revision": old[tenant].get("revision")}))
            continue
        found += _between(tenant, old.get(tenant, {}).get("plain", {}), new[tenant]["plain"])
    return [*found, *_between("site", have.get("site", {}).get("plain", {}), want["site"]["plain"])]


def _between(owner: str, have: Document, want: Document) -> Iterator[Step]:
    for kind in sorted({*have, *want}):
        old, new = have.get(kind) or {}, want.get(kind) or {}
        if old == new:
            continue
        if not kind.endswith("s"):  # a single thing: tenant, emergency
            yield _step(kind, owner, old or None, new)
            continue
        for id_ in sorted({*old, *new}):
            if old.get(id_) != new.get(id_):
                yield _step(kind[:-1], f"{owner}/{id_}", old.get(id_), new.get(id_))


def _step(kind: str, name: str, old: Any, new: Any) -> Step:
    """Before and after hold the fields that differ; all of them when one side is absent."""
    if old is None or new is None:
        return Step("create" if old is None else "delete", kind, name, old, new)
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return Step("update", kind, name, old, new)
    fields = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    before, after = ({key: one[key] for key in fields if key in one} for one in (old, new))
    return Step("update", kind, name, before, after, tuple(fields))
