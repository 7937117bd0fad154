"""Standard output callback of the `pbx` command: progress on stderr, results as JSON lines in a private file."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: pbx_results
type: stdout
short_description: Progress for people, results for the pbx command
description:
  - Writes one JSON line for each result into the file that the environment variable E(PBX_RESULTS) names.
  - Only what modules list as actions is kept, never arguments, diffs or return values, so no secret gets there.
author: The pbx-as-code authors (@pbx-as-code)
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible has no types
    """One line for each result that changed something or failed."""

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

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result, "unreachable")

    def _record(self, result: Any, status: str) -> None:
        values, task, host = result.result, result.task, result.host.get_name()
        entry = {
            "host": host,
            "play": self._play,
            "task": task.get_name(),
            "status": status,
            "actions": self._actions(values, task) if status != "unreachable" else [],
            "pending_restart": values.get("pending_restart") or [],
            "revisions": values.get("revisions") or {},
            "warnings": values.get("model_warnings") or [],
        }
        if status in {"failed", "unreachable"}:
            entry["message"] = str(values.get("msg") or values.get("module_stderr") or "failed")
        os.write(self._results, json.dumps(entry).encode() + b"\n")
        if status != "ok":
            self._tell(f"  {host}: {task.get_name()}: {status}")

    def _actions(self, values: dict[str, Any], task: Any) -> list[dict[str, Any]]:
        """What our modules list; for another module that changed something, one action with its own name."""
        if "actions" in values:
            return list(values["actions"])
        if not values.get("changed"):
            return []
        names = task.args.get("name") or task.args.get("path") or task.args.get("dest") or task.get_name()
        listed = ", ".join(names) if isinstance(names, list) else str(names)
        return [{"op": "update", "kind": task.action.rpartition(".")[2], "id": listed, "fields": []}]

    def _tell(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s {text}", file=sys.stderr, flush=True)
