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
from collections.abc import Iterator
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.lease import write_json

__all__ = [
    "FOLDER",
    "KEEP",
    "about_of",
    "find",
    "hold",
    "journal",
    "keep",
    "kept",
    "last_good",
    "note",
    "revisions_kept",
    "set_hold",
    "unfinished",
]  # fmt: skip

FOLDER = "/var/lib/pbx-apply"
KEEP = 10  # contracts §7.7
ABOUT = "about"  # beside the documents: {"latest": {...}, "earlier": [{...}]}, see keep()
ENDS = {"part", "verified", "restored", "rolled_back", "failed"}


def note(folder: str, event: str, about: dict[str, Any]) -> None:
    """Append a line to the journal of applies; it is on the disk when this returns."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    entry = {"time": now(), "event": event, **about}
    handle = os.open(os.path.join(folder, "journal.jsonl"), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    size = os.fstat(handle).st_size
    cut = size > 0 and os.pread(handle, 1, size - 1) != b"\n"  # by a full disk: that line is lost, not this one
    with open(handle, "w", encoding="utf-8") as stream:
        stream.write(("\n" if cut else "") + json.dumps(entry, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def now() -> str:
    """The moment, as the journal writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def journal(folder: str, last: int) -> list[dict[str, Any]]:
    """The last entries, the newest last; a line that was cut in writing is left out."""
    entries = []
    with contextlib.suppress(OSError), open(os.path.join(folder, "journal.jsonl"), encoding="utf-8") as stream:
        for line in stream.read().splitlines()[-last:]:
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
    return entries


def unfinished(folder: str) -> dict[str, Any] | None:
    """The beginning of an apply that never ended, when nothing ended after it."""
    for entry in reversed(journal(folder, 20)):
        if entry.get("event") in ENDS:
            return None
        if entry.get("event") == "begin":
            return dict(entry)
    return None


def kept(folder: str) -> list[str]:
    """Folders of kept documents, the newest last."""
    path = os.path.join(folder, "documents")
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    return [os.path.join(path, name) for name in names if not name.startswith(".")]


def about_of(kept_folder: str) -> list[dict[str, Any]]:
    """What was noted each time these documents were verified, the newest first."""
    try:
        with open(os.path.join(kept_folder, ABOUT), encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return [{}]
    return [found["latest"], *found["earlier"]] if "latest" in found else [found]


def last_good(folder: str) -> dict[str, Any]:
    """What was noted about the last apply that was verified here; nothing on a bare host."""
    before = kept(folder)
    return about_of(before[-1])[0] if before else {}


def revisions_kept(folder: str) -> list[dict[str, Any]]:
    """The kept revisions for people and programs, the newest first: digest, time, site, tenants, commit, by."""
    rows = []
    for path in reversed(kept(folder)):
        when, _, digest = os.path.basename(path).partition("-")
        rows.append({"digest": digest, "kept": when, "about": about_of(path)})
    return rows


def find(folder: str, revision: str) -> str | None:
    """The newest kept folder whose digest, site revision or revision of a tenant begins so; None when there is none."""
    for path in reversed(kept(folder)):
        if any(name.startswith(revision) for name in _names(path)):
            return path
    return None


def _names(path: str) -> Iterator[str]:
    yield os.path.basename(path).partition("-")[2]
    for about in about_of(path):
        revisions = about.get("revisions") or {}
        yield str(revisions.get("site") or "")
        yield from (str(one) for one in (revisions.get("tenants") or {}).values())


def hold(folder: str) -> dict[str, Any] | None:
    """Who put an earlier revision back and wants it to stay, if so."""
    try:
        with open(os.path.join(folder, "hold.json"), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {"since": "?", "by": "somebody", "revision": "an earlier revision"}


def set_hold(folder: str, value: dict[str, Any] | None) -> None:
    """Hold, or hold no more."""
    path = os.path.join(folder, "hold.json")
    if value is not None:
        write_json(path, value)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def keep(folder: str, staged: str, about: dict[str, Any]) -> str:
    """Keep the staged documents with what is known about them; returns their folder.

    Documents equal to those kept last stay where they are and get a further note, so that a revision that changed
    nothing here is still found here.
    """
    names = sorted(name for name in os.listdir(staged) if name.endswith(".json"))
    digest = hashlib.sha256()
    for name in names:
        with open(os.path.join(staged, name), "rb") as stream:
            digest.update(name.encode() + b"\0" + stream.read())
    before, name = kept(folder), digest.hexdigest()[:12]
    if before and before[-1].endswith(f"-{name}"):
        earlier = about_of(before[-1])[:50]
        write_json(os.path.join(before[-1], ABOUT), {"latest": about, "earlier": earlier})
        return before[-1]
    target = os.path.join(folder, "documents", f"{_stamp(before)}-{name}")
    partial = os.path.join(folder, "documents", f".{name}")
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial, mode=0o700)
    os.chmod(os.path.dirname(partial), 0o700)
    for one in names:
        shutil.copyfile(os.path.join(staged, one), os.path.join(partial, one))
        os.chmod(os.path.join(partial, one), 0o600)
    write_json(os.path.join(partial, ABOUT), {"latest": about, "earlier": []})
    os.rename(partial, target)
    for old in kept(folder)[:-KEEP]:
        with contextlib.suppress(OSError):
            shutil.rmtree(old)
    return target


def _stamp(before: list[str]) -> str:
    """The moment for a folder's name; never before the newest one, whatever the clock says."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    newest = os.path.basename(before[-1]).partition("-")[0] if before else ""
    return stamp if stamp > newest else f"{newest}0"
