"""The configuration of this server as files, kept beside the documents of a verified apply, and put back from there.

Contents lie once each, by their SHA-256, in `files/` of the history. A kept folder has `configuration.json`: path,
owner, group, mode, time and digest of each file, and of each unit the process that ran and the files it reads at a
start.
Standard library only; everything here belongs to root alone.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import json
import os
import pwd
import shutil
from collections.abc import Iterable
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.calls_control import FOLDER
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, sha256_of, write
from ansible_collections.pbx.core.plugins.module_utils.history import kept
from ansible_collections.pbx.core.plugins.module_utils.lease import write_json
from ansible_collections.pbx.core.plugins.module_utils.processes import cmdline, read_unit, systemctl

__all__ = ["configuration", "keep_configuration", "plan", "put_back", "units_wanted"]

NAME = "configuration.json"
CARRIES_CALLS = ("pbx-calls@", "pbx-media@")  # units whose restart would cut calls
SHARED = "/var/lib/pbx/prompts/"  # large and never changed in place: linked, not copied


def configuration(kept_folder: str) -> dict[str, Any]:
    """`files` and `units` as they were kept; empty for a folder of before there was such a thing."""
    try:
        with open(os.path.join(kept_folder, NAME), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (OSError, ValueError):
        return {"files": [], "units": []}


def keep_configuration(history: str, kept_folder: str, patterns: Iterable[str], units: Iterable[str]) -> None:
    """Keep the files that match the patterns and what the units run, then drop contents that nobody names any more."""
    store = os.path.join(history, "files")
    os.makedirs(store, mode=0o700, exist_ok=True)
    paths = sorted({path for pattern in patterns for path in glob.glob(pattern) if os.path.isfile(path)})
    files = [_kept_file(store, path) for path in paths]
    write_json(os.path.join(kept_folder, NAME), {"files": files, "units": [_unit(one, paths) for one in units]})
    named = {one["sha256"] for folder in kept(history) for one in configuration(folder)["files"]}
    for name in set(os.listdir(store)) - named:
        os.unlink(os.path.join(store, name))


def plan(kept_folder: str) -> list[tuple[dict[str, Any], list[str]]]:
    """Kept files that are not there as they were, with the fields that differ."""
    store = _store(kept_folder)
    found = [(one, differences(_want(store, one))) for one in configuration(kept_folder)["files"]]
    return [(one, fields) for one, fields in found if fields]


def put_back(kept_folder: str, files: Iterable[dict[str, Any]]) -> None:
    """Write them. A file that a process of before still runs with gets its time of before: nobody restarts it."""
    store, units = _store(kept_folder), configuration(kept_folder)["units"]
    undisturbed = {path for unit in units if unit["invocation"] == invocation(unit["name"]) for path in unit["files"]}
    for one in files:
        write(_want(store, one))
        if one["path"] in undisturbed:
            os.utime(one["path"], (one["time"], one["time"]))


def units_wanted(kept_folder: str) -> list[dict[str, Any]]:
    """The units of our own programs as M(pbx.core.pbx_units) takes them: program, and files that need a restart."""
    found = configuration(kept_folder)
    digests = {one["path"]: one["sha256"] for one in found["files"]}
    return [
        {
            "name": unit["name"],
            "program": unit["program"],
            "files": {path: digests[path] for path in unit["files"]},
            "calls": FOLDER if unit["name"].startswith(CARRIES_CALLS) else "",
        }
        for unit in found["units"]
        if unit["program"].startswith("/opt/pbx/releases/")
    ]


def invocation(unit: str) -> str:
    """systemd's identifier of one start of a unit; it differs after every start."""
    return systemctl("show", "-P", "InvocationID", unit)[1]


def _unit(name: str, paths: list[str]) -> dict[str, Any]:
    """What a unit runs, and which of the kept files it read at its start: its own, and those it was called with."""
    _code, text = systemctl("show", "-P", "FragmentPath", "-P", "DropInPaths", name)
    words = cmdline(read_unit(name).pid)
    reads = sorted(set(paths) & {*text.split(), *words[1:]})
    program = "/".join(words[0].split("/")[:5]) + "/" if words and words[0].startswith("/opt/pbx/releases/") else ""
    return {"name": name, "invocation": invocation(name), "program": program, "files": reads}


def _kept_file(store: str, path: str) -> dict[str, Any]:
    have, digest = os.stat(path), sha256_of(path)
    target = os.path.join(store, str(digest))
    if not os.path.exists(target):
        linked = False
        if path.startswith(SHARED):
            with contextlib.suppress(OSError):
                os.link(path, target)
                linked = True
        if not linked:
            partial = f"{target}.new"
            with open(path, "rb") as source, open(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as copy:
                shutil.copyfileobj(source, copy)
            os.rename(partial, target)
    return {
        "path": path,
        "owner": pwd.getpwuid(have.st_uid).pw_name,
        "group": grp.getgrgid(have.st_gid).gr_name,
        "mode": have.st_mode & 0o7777,
        "time": have.st_mtime,
        "sha256": digest,
    }


def _store(kept_folder: str) -> str:
    return os.path.join(os.path.dirname(os.path.dirname(kept_folder)), "files")


def _want(store: str, one: dict[str, Any]) -> Want:
    with open(os.path.join(store, one["sha256"]), "rb") as stream:
        content = stream.read()
    return Want(one["path"], "file", content, None, one["owner"], one["group"], one["mode"])
