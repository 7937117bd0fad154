"""Who holds a lease on targets: this controller and the processes of this run; and whether such a holder is dead."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = "PBX_COMMAND"  # process of the `pbx` command that runs playbooks one after the other


def me(playbook: int) -> dict[str, Any]:
    """This run: `playbook` is the process of ansible-playbook."""
    numbers = [playbook, *([int(os.environ[COMMAND])] if os.environ.get(COMMAND, "").isdigit() else [])]
    return {
        "by": getpass.getuser(),
        "host": socket.gethostname(),
        "place": place(),
        "processes": [[number, began(number)] for number in numbers],
    }


def run_of(playbook: int) -> str:
    """An identifier of one run of ansible-playbook that nobody gave one to."""
    return hashlib.sha256(f"{socket.gethostname()} {place()} {playbook} {began(playbook)}".encode()).hexdigest()[:12]


def dead(lease: Mapping[str, Any]) -> bool:
    """Only this very machine (same boot, same process numbers) can know: none of the holder's processes is left."""
    if lease.get("host") != socket.gethostname() or lease.get("place") != place():
        return False
    return all(began(int(number)) != start for number, start in lease.get("processes") or [])


def place() -> str:
    """Boot and process namespace: process numbers mean something within it only."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return hashlib.sha256(f"{boot} {os.readlink('/proc/self/ns/pid')}".encode()).hexdigest()[:16]


def began(process: int) -> str:
    """When a process was started, in the kernel's ticks; empty when there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
