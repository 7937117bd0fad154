"""What this server tells a plan about itself before anything is done: documents compared, calls up, the last apply.

Read from the running processes and from what is kept of the last verified apply; nothing is changed. Standard library
only (runs on targets).
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils import limits, reach
from ansible_collections.pbx.core.plugins.module_utils.calls_control import ControlError, everywhere
from ansible_collections.pbx.core.plugins.module_utils.history import kept
from ansible_collections.pbx.core.plugins.module_utils.rtpengine_cli import ask, sessions

__all__ = ["facts"]

VERIFIED = frozenset({"verified", "restored", "rolled_back"})  # events of the journal after which a revision is served


def facts(
    folder: str, history: str, served: str | None, socket: str | None, removed: list[str], passed: set[str]
) -> dict[str, Any]:
    """`serving`, `calls`, `sessions`, `applied`, `numbers`, `users`, `refusals` whose option was not passed."""
    last = kept(history)[-1:]
    told: dict[str, Any] = {"applied": applied(history), "refusals": []}
    if served and _exists(folder, "calls.json"):
        told |= _live(socket)
        pair = _different(served, os.path.join(folder, "calls.json"))
        if pair:
            told["refusals"] += limits.of_calls(*pair, removed)
            told["numbers"], told["users"] = reach.touched(*pair)
    if _exists(folder, "edge.json"):
        told["carries_all"] = True
        pair = _different(os.path.join(last[0], "edge.json"), os.path.join(folder, "edge.json")) if last else None
        if pair:
            told["refusals"] += limits.of_edge(*pair, removed)
    if _exists(folder, "relay.json"):
        told |= _relayed(_read(os.path.join(folder, "relay.json")))
    told["refusals"] = [one for one in told["refusals"] if one["option"] not in passed]
    return told


def applied(history: str) -> dict[str, Any]:
    """Time, commit and author of the last apply that was verified here; empty when there was none."""
    with contextlib.suppress(OSError), open(os.path.join(history, "journal.jsonl"), encoding="utf-8") as stream:
        for line in reversed(stream.readlines()):
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry.get("event") in VERIFIED:
                    return {key: entry[key] for key in ("time", "event", "commit", "by", "dirty") if key in entry}
    return {}


def _live(socket: str | None) -> dict[str, Any]:
    """Calls and revisions of the running processes; nothing when one does not answer."""
    try:
        found = everywhere(socket, "status", timeout=10.0) if socket else []
    except (ControlError, OSError, ValueError):
        return {}
    if not found:
        return {"calls": 0}
    serving = {name: found[0].get(name) for name in ("site_revision", "tenants")}
    return {"calls": sum(status.get("calls") or 0 for status in found), "serving": serving}


def _relayed(document: dict[str, Any]) -> dict[str, Any]:
    address = str((document.get("settings") or {}).get("listen-cli") or "")
    with contextlib.suppress(ValueError):
        if ask(address, "list numsessions") is not None:
            return {"sessions": sessions(address)}
    return {"sessions": 0}


def _different(have: str, want: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Both documents, or None when they are the same or the first is not there."""
    try:
        with open(have, "rb") as one, open(want, "rb") as other:
            old, new = one.read(), other.read()
    except OSError:
        return None
    if old == new:
        return None
    try:
        pair = json.loads(old), json.loads(new)
    except ValueError:
        return None  # a file that nobody can read is repaired
    return pair if all(isinstance(one, dict) for one in pair) else None


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _exists(folder: str, name: str) -> bool:
    return os.path.exists(os.path.join(folder, name))
