"""The model root's Git: which commit it is, whether one descends from another, and the files of an earlier one."""

from __future__ import annotations

import getpass
import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class CommitError(ValueError):
    """A commit that cannot be had; the text says why and what to do."""


class NoFolder(CommitError):
    """The commit is there and does not have the folder."""


def about(root: str) -> dict[str, Any]:
    """Who applies what: metadata, never compared (contracts §7.1). Without Git only the person is known."""
    found: dict[str, Any] = {"by": getpass.getuser()}
    code, text = _git(root, "log", "-1", "--format=%H %an")
    if not code:
        found["commit"], _, found["author"] = text.partition(" ")
        found["dirty"] = bool(_git(root, "status", "--porcelain", "--", ".")[1])
    return found


def successor(root: str, live: Mapping[str, Any], applied: Mapping[str, Any]) -> tuple[str, str]:
    """Why `applied` may not follow `live` (contracts §7.7), else nothing; and a remark when that cannot be told."""
    before, now = live.get("commit"), applied.get("commit")
    if not before or before == now:
        return "", ""
    if not now:
        return "", f"{root} is not under Git: nobody checks that it follows commit {before[:12]}, which is live"
    if _git(root, "cat-file", "-e", f"{before}^{{commit}}")[0]:
        return f"commit {before[:12]} is live, and {root} does not have it (fetch it; a shallow clone is too short)", ""
    code, text = _git(root, "merge-base", "--is-ancestor", str(before), str(now))
    if code == 1:
        who = f", applied by {live['by']}" if live.get("by") else ""
        return f"commit {before[:12]} is live{who}, and {now[:12]} does not descend from it", ""
    return (f"git merge-base: {text}", "") if code else ("", "")


def resolve(root: str, name: str) -> dict[str, Any]:
    """`commit` and `author` of what a person typed. Raises CommitError."""
    if not os.path.isdir(root):
        raise CommitError(f"{root}: no such folder")
    if _git(root, "rev-parse", "--show-toplevel")[0]:
        raise CommitError(f"{root} is not under Git, so it has no commits")
    code, text = _git(root, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    if code:
        ambiguous = "ambiguous" in text
        raise CommitError(
            f"{name}: more than one commit begins so; give more of it" if ambiguous else f"{name}: no such commit"
        )
    commit = text.splitlines()[-1]
    return {"commit": commit, "author": _git(root, "log", "-1", "--format=%an", commit)[1]}


def extract(root: str, commit: str, folder: Path) -> None:
    """The model root's plain files as that commit has them, into a folder; the user's tree and index are not touched.

    Links are left out, so that nothing outside is read through one. Raises CommitError, NoFolder among them.
    """
    prefix = _git(root, "rev-parse", "--show-prefix")[1].rstrip("/")
    top = _git(root, "rev-parse", "--show-toplevel")[1]
    if _git(root, "cat-file", "-e", f"{commit}:{prefix}")[0]:
        raise NoFolder(f"commit {commit[:12]} has no folder {prefix}")
    command = ["git", "-C", top, "archive", "--format=tar", f"{commit}:{prefix}"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise CommitError(done.stderr.decode(errors="replace").strip())
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(stream.read())


def _git(root: str, *words: str) -> tuple[int, str]:
    """Exit status and output, or the message when it failed; 127 without git."""
    command = ["git", "-C", root, *words]
    given = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=given)
    except OSError as error:
        return 127, str(error)
    return done.returncode, (done.stderr if done.returncode else done.stdout).strip()
