"""What this server was given before: the last documents, and a line for each apply that began or ended here.

Everything lies in one folder that only root can read: documents with their secrets are kept so that a revision can be
put back when the controller's model is not at hand. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from typing import Any

__all__ = ["FOLDER", "KEEP", "keep", "kept", "note", "unfinished"]

FOLDER = "/var/lib/pbx-apply"
KEEP = 10  # contracts §7.7


def note(folder: str, event: str, about: dict[str, Any]) -> None:
    """Append a line to the journal of applies; it is on the disk when this returns."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    entry = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **about}
    handle = os.open(os.path.join(folder, "journal.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(handle, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def unfinished(folder: str) -> dict[str, Any] | None:
    """The last entry when it is the beginning of an apply that never ended."""
    try:
        with open(os.path.join(folder, "journal.jsonl"), encoding="utf-8") as stream:
            lines = stream.read().splitlines()
        last: dict[str, Any] = json.loads(lines[-1])
    except (OSError, IndexError, ValueError):
        return None
    return last if last.get("event") == "begin" else None


def kept(folder: str) -> list[str]:
    """Folders of kept documents, the newest last."""
    path = os.path.join(folder, "documents")
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    return [os.path.join(path, name) for name in names if not name.startswith(".")]


def keep(folder: str, staged: str, about: dict[str, Any]) -> str | None:
    """Keep the staged documents; returns their new folder, or None when they are those kept last."""
    names = sorted(os.listdir(staged))
    digest = hashlib.sha256()
    for name in names:
        with open(os.path.join(staged, name), "rb") as stream:
            digest.update(name.encode() + b"\0" + stream.read())
    before = kept(folder)
    name = digest.hexdigest()[:12]
    if before and before[-1].endswith(f"-{name}"):
        return None
    target = os.path.join(folder, "documents", f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{name}")
    partial = os.path.join(folder, "documents", f".{name}")
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial, mode=0o700)
    os.chmod(os.path.dirname(partial), 0o700)
    for one in names:
        shutil.copyfile(os.path.join(staged, one), os.path.join(partial, one))
        os.chmod(os.path.join(partial, one), 0o600)
    with open(
        os.open(os.path.join(partial, "about"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8"
    ) as stream:
        json.dump(about, stream, ensure_ascii=False)
    os.rename(partial, target)
    for old in kept(folder)[:-KEEP]:
        with contextlib.suppress(OSError):
            shutil.rmtree(old)
    return target
