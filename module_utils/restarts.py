"""Whether a running service is what it should be, and whether calls would be cut by its restart. Standard library only.

An entry of a module's `units` is a mapping: `name`; `program`, a path prefix of what must run; `files`, path to the
SHA-256 it should have (empty: whatever it holds, the process must have begun after it was written); `calls`, the
control socket of the call process whose calls a restart would cut, or the folder of those of all (of a call process
its own one counts).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.calls_control import FOLDER, ControlError, everywhere, socket_of
from ansible_collections.pbx.core.plugins.module_utils.files import sha256_of
from ansible_collections.pbx.core.plugins.module_utils.processes import Unit, cmdline

__all__ = ["calls_up", "stale"]


def stale(unit: Unit, want: Mapping[str, Any]) -> list[str]:
    """Why a running process is not what it should be: paths that changed after it began, or `program`."""
    reasons = []
    for path, digest in sorted((want.get("files") or {}).items()):
        if (digest and sha256_of(path) != digest) or _written_after(path, unit.began):
            reasons.append(path)
    program = want.get("program")
    arguments = cmdline(unit.pid)
    if program and not (arguments and arguments[0].startswith(str(program))):
        reasons.append("program")
    return reasons


def _written_after(path: str, moment: float | None) -> bool:
    return moment is not None and os.path.exists(path) and os.stat(path).st_mtime > moment


def calls_up(unit: str, socket: str | None) -> int:
    """How many calls a restart of the unit would cut; 0 where no call process listens."""
    if socket == FOLDER:
        socket = socket_of(unit)
    try:
        found = everywhere(socket, "status") if socket else []
    except (ControlError, OSError):  # it hangs, or is about to end: whoever looks after it will find out
        return 0
    return sum(int(status["calls"]) for status in found)
