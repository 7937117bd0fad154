"""Standard output callback of the `pbx` command: progress on stderr, results as JSON lines in a private file."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.pbx.core.plugins.module_utils.controller import find_package

find_package()

from pbx.desired.shown import values  # noqa: E402

DOCUMENTATION = r"""
name: pbx_results
type: stdout
short_description: Progress for people, results for the pbx command
description:
  - Writes one JSON line for each result into the file that the environment variable E(PBX_RESULTS) names.
  - Only what modules list as actions is kept, with the values before and after of kinds that hold no secret, and what
    M(pbx.core.pbx_kept) and M(pbx.core.pbx_call) tell; never arguments, diffs or other return values.
author: The pbx-as-code authors (@pbx-as-code)
"""

MESSAGE = 2000  # characters of a failure that are kept


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible has no types
    """One JSON line a result; on stderr a line a play, and one for each result that changed something or failed."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "pbx.core.pbx_results"

    def __init__(self) -> None:
        super().__init__()
        path = os.environ.get("PBX_RESULTS") or os.devnull
        self._results = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._began = time.monotonic()
        self._play = ""

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play.get_name()
        self._tell(f"— {self._play}")

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._tell("  no host of this inventory and limit is in this play")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result, "changed" if _values(result).get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record(result, "ignored" if ignore_errors else "failed")

    def v2_runner_retry(self, result: Any) -> None:
        """What is waited for, and how often more it is asked."""
        found = _values(result)
        left = int(found.get("retries", 0)) - int(found.get("attempts", 0))
        name = _of(result, "host").get_name()
        self._tell(f"  {name}: {_of(result, 'task').get_name()}: {found.get('msg', 'not yet')} ({left} more times)")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result, "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Who failed, last and by name, so that it is not lost above."""
        for host in sorted(stats.processed):
            of_host = stats.summarize(host)
            if of_host["unreachable"]:
                self._tell(f"{host}: could not be reached")
            elif of_host["failures"]:
                self._tell(f"{host}: failed")

    def _record(self, result: Any, status: str) -> None:
        found, task, host = _values(result), _of(result, "task"), _of(result, "host").get_name()
        actions = _actions(found, task) if status != "unreachable" else []
        entry = {
            "host": host,
            "play": self._play,
            "task": task.get_name(),
            "status": status,
            "actions": actions,
            "read": _read(found, actions),
            "pending_restart": found.get("pending_restart") or [],
            "revisions": found.get("revisions") or {},
            "warnings": found.get("model_warnings") or found.get("expiring") or [],
            "notes": found.get("notes") or [],
            "plan": found.get("plan") or {},
        }
        entry |= {name: found[name] for name in ("history", "call") if name in found}
        if status in {"failed", "unreachable"}:
            text = str(found.get("msg") or found.get("module_stderr") or "failed").strip()
            entry["message"] = text[:MESSAGE]
        os.write(self._results, json.dumps(entry, default=str).encode() + b"\n")
        for note in entry["notes"]:
            self._tell(f"  {host}: {note}")
        if status != "ok":
            self._tell(f"  {host}: {task.get_name()}: {status}")

    def _tell(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s {text}", file=sys.stderr, flush=True)


def _of(result: Any, name: str) -> Any:
    """An attribute of a result: public since ansible-core 2.19, with an underscore before."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")


def _values(result: Any) -> dict[str, Any]:
    found: dict[str, Any] = _of(result, "result")
    return found


def _actions(found: dict[str, Any], task: Any) -> list[dict[str, Any]]:
    """What our modules list, with values that may be shown; of another module that changed something, one action."""
    if "actions" in found:
        before, after = found.get("before"), found.get("after")
        return [{**one, **_sides(one, before, after)} for one in found["actions"]]
    if not found.get("changed"):
        return []
    names = task.args.get("name") or task.args.get("path") or task.args.get("dest") or task.get_name()
    listed = ", ".join(names) if isinstance(names, list) else str(names)
    return [{"op": "update", "kind": task.action.rpartition(".")[2], "id": listed, "fields": []}]


def _sides(action: dict[str, Any], before: Any, after: Any) -> dict[str, Any]:
    """`live` and `wanted` of an update, from the module's `before` and `after` (kind → id → value)."""
    if action["op"] != "update":
        return {}
    sides = {"live": _side(action, before), "wanted": _side(action, after)}
    return {name: value for name, value in sides.items() if value is not None}


def _side(action: dict[str, Any], values_by_kind: Any) -> Any:
    of_kind = values_by_kind.get(action["kind"]) if isinstance(values_by_kind, dict) else None
    value = of_kind.get(action["id"]) if isinstance(of_kind, dict) else None
    return values(action["kind"], action["fields"], value)


def _read(found: dict[str, Any], actions: list[dict[str, Any]]) -> str:
    """A digest of what was compared; modules show a secret in it as `(secret)`. Nothing when nothing differs."""
    if not actions:
        return ""
    text = json.dumps([found.get("actions") or actions, found.get("before")], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
