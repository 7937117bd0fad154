"""The start gate: would a Kamailio start with these files? `kamailio -c` passes broken ones, as it starts no module.

The candidate is started in an empty network namespace, with folders and databases of its own, until it answers; nothing
that runs is touched. Root only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioRpc
from ansible_collections.pbx.core.plugins.module_utils.kamailio_schema import create_location, create_tables

__all__ = ["PLACES", "start_gate"]

PROGRAM = "/usr/sbin/kamailio"
#: The words of pbx_local.cfg that say where things lie; the gate puts its own folder there.
PLACES = ("RUN_DIR", "STATE_DIR", "ETC_DIR")

_CLONE_NEWNET = 0x40000000
_SIOCSIFADDR, _SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8916, 0x8914, 0x41


def start_gate(files: Mapping[str, str], address: str, user: str = "kamailio", seconds: float = 15.0) -> str:
    """Nothing when Kamailio starts with these files (name to text), else its errors. `address`: what it binds to."""
    folder = Path(tempfile.mkdtemp(prefix="pbx-gate-"))
    try:
        _fill(folder, files, user)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                _command(folder, user),
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_into_empty_network(address),
            )
        try:
            started = _wait(process, KamailioRpc(folder / "run", timeout=2.0), seconds)
        finally:
            _stop(process)
        return "" if started else _errors((folder / "log").read_text(errors="replace"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, str], user: str) -> None:
    (folder / "run").mkdir()
    for name, text in files.items():
        (folder / name).write_text(_moved(text, folder) if name == "pbx_local.cfg" else text)
    for name in ("pbx_addresses", "pbx_dispatcher.list"):
        (folder / name).touch()
    create_tables(folder / "pbx.sqlite")
    create_location(folder / "run" / "location.sqlite")
    owner = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _moved(text: str, folder: Path) -> str:
    """The same definitions with the gate's own places."""
    for name in PLACES:
        place = folder / "run" if name == "RUN_DIR" else folder
        text = re.sub(rf'(?m)^#!substdef "!{name}![^!]*!g"$', f'#!substdef "!{name}!{place}!g"', text)
    return text


def _command(folder: Path, user: str) -> list[str]:
    return [
        "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
        PROGRAM, "-DD", "-E", "-x", "fm", "-X", "fm", "-m", "64", "-M", "16",
        "-Y", str(folder / "run"), "-P", str(folder / "run" / "kamailio.pid"), "-f", str(folder / "kamailio.cfg"),
    ]  # fmt: skip


def _into_empty_network(address: str) -> Callable[[], None]:
    """What the child does before it becomes Kamailio: a network namespace where `address` is the loopback's."""

    def enter() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            flags = struct.pack("16sh14x", b"lo", _IFF_UP_RUNNING)
            fcntl.ioctl(control, _SIOCSIFFLAGS, flags)
            request = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(control, _SIOCSIFADDR, request)

    return enter


def _wait(process: subprocess.Popen[bytes], rpc: KamailioRpc, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if rpc.up():
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group at once: there is nothing to save, and a SIGTERM during a start can hang Kamailio."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _errors(log: str) -> str:
    """The lines that say why, in Kamailio's words."""
    found = [line.split(": ", 1)[-1] for line in log.splitlines() if re.search(r"ERROR|CRITICAL|error", line)]
    return "\n".join(found[:10]) or log[-500:] or "it did not answer in time"
