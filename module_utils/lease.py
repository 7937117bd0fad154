"""One apply at a time on this server: who holds the lease, and how it changes hands. Standard library only.

The lease is a file beside the journal of applies. It names its holder (a run of the playbook, who, on which controller,
which processes there) and the moment it runs out by this server's own clock, so a holder that died locks nobody out for
good. What is read, compared and written happens under one lock of this server.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from typing import Any

__all__ = ["drop", "orphans", "read", "take", "wait_for_orphans", "write_json"]

ORPHAN_SECONDS = 60.0  # a step of a dead run may still be at work here: how long the next run waits for its end


def read(folder: str) -> dict[str, Any] | None:
    """The lease that there is, run out or not; one that cannot be read is none."""
    try:
        with open(os.path.join(folder, "lease.json"), encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("run") else None


def take(folder: str, holder: dict[str, Any], seconds: int, force: bool, over: str) -> dict[str, Any] | None:
    """Take or prolong it; returns the lease that stands in the way, or None.

    `over` is a run whose processes are known to be gone; `force` takes it from anybody.
    """
    with _locked(folder):
        before, now = read(folder), time.time()
        mine = before is not None and before["run"] == holder["run"]
        free = before is None or mine or force or before["run"] == over or float(before.get("expires", 0)) <= now
        if not free:
            return before
        since = before["since"] if before is not None and mine else now
        try:
            write_json(os.path.join(folder, "lease.json"), {**holder, "since": since, "expires": now + seconds})
        except OSError:
            if not mine:  # a disk that has become full meanwhile must not keep a run from putting back what was
                raise
    return None


def drop(folder: str, run: str) -> bool:
    """Give it back when this run holds it; whether it did."""
    if not os.path.isdir(folder):
        return False
    with _locked(folder):
        before = read(folder)
        if before is None or before["run"] != run:
            return False
        os.unlink(os.path.join(folder, "lease.json"))
    return True


def orphans(run: str) -> list[int]:
    """Processes of this server that a run started here (the playbooks put PBX_RUN into their environment)."""
    mark, found = f"PBX_RUN={run}".encode(), []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as stream:
            if mark in stream.read().split(b"\0"):
                found.append(int(name))
    return found


def wait_for_orphans(run: str, seconds: float = ORPHAN_SECONDS) -> list[int]:
    """Until no step of a dead run is at work here; returns those that still are."""
    deadline = time.monotonic() + seconds
    while (found := orphans(run)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def write_json(path: str, value: dict[str, Any]) -> None:
    """Write beside it and rename, mode 0600, on the disk when this returns."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, ensure_ascii=False)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.open(os.path.join(folder, ".lock"), os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
