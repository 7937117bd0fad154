"""Files, directories and links of a host: read, compare, write whole or not at all. Standard library only."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import Step

__all__ = [
    "Want",
    "differences",
    "file_steps",
    "read_text",
    "remove",
    "sha256_of",
    "state_of",
    "text_diff",
    "want_of",
    "write",
]


@dataclass(frozen=True)
class Want:
    """One path as it should be. `content` is None for a directory or a link."""

    path: str
    kind: str  # file | directory | link
    content: bytes | None = None
    target: str | None = None
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644


def want_of(kind: str, given: Mapping[str, Any]) -> Want:
    """A Want from a module option; the mode is a string of octal digits."""
    content = given.get("content")
    return Want(
        path=str(given["path"]),
        kind=kind,
        content=None if content is None else str(content).encode(),
        target=given.get("target"),
        owner=str(given.get("owner") or "root"),
        group=str(given.get("group") or "root"),
        mode=int(str(given.get("mode") or ("0755" if kind == "directory" else "0644")), 8),
    )


def differences(want: Want) -> list[str]:
    """What is not as wanted: `absent`, `type`, `content`, `target`, `owner`, `group`, `mode`; empty when all is."""
    try:
        have = os.lstat(want.path)
    except (FileNotFoundError, NotADirectoryError):
        return ["absent"]
    if want.kind == "link":
        if not stat.S_ISLNK(have.st_mode):
            return ["type"]
        return [] if os.readlink(want.path) == want.target else ["target"]
    right_type = stat.S_ISDIR(have.st_mode) if want.kind == "directory" else stat.S_ISREG(have.st_mode)
    if not right_type:
        return ["type"]
    found = []
    if want.content is not None and (have.st_size != len(want.content) or _bytes(want.path) != want.content):
        found.append("content")
    if have.st_uid != _uid(want.owner):
        found.append("owner")
    if have.st_gid != _gid(want.group):
        found.append("group")
    if stat.S_IMODE(have.st_mode) != want.mode:
        found.append("mode")
    return found


def state_of(path: str) -> dict[str, str] | None:
    """What is there: type, owner, group, mode, a file's digest or a link's target; None when nothing is."""
    try:
        have = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(have.st_mode):
        return {"type": "link", "target": os.readlink(path)}
    found = {"owner": _name_of(have.st_uid, pwd.getpwuid), "group": _name_of(have.st_gid, grp.getgrgid)}
    found["mode"] = f"{stat.S_IMODE(have.st_mode):04o}"
    if stat.S_ISDIR(have.st_mode):
        return {"type": "directory", **found}
    return {"type": "file", **found, "sha256": sha256_of(path) or ""}


def file_steps(wants: Iterable[Want], kind: str | None = None) -> list[Step]:
    """A step for each path that is not as wanted; no content is told, only its digest."""
    steps = []
    for want in wants:
        fields = differences(want)
        if not fields:
            continue
        create = fields == ["absent"]
        before, after = state_of(want.path), _wanted_state(want)
        told = () if create else tuple(sorted(set(fields) - {"absent"}))
        steps.append(Step("create" if create else "update", kind or want.kind, want.path, before, after, told))
    return steps


def text_diff(want: Want) -> dict[str, str]:
    """A file's text before and after, for a result's `diff`."""
    after = (want.content or b"").decode(errors="replace")
    return {"before_header": want.path, "after_header": want.path, "before": read_text(want.path), "after": after}


def write(want: Want) -> None:
    """Make the path as wanted. A file or link is made beside it and renamed, so a reader never sees a half."""
    if want.kind == "directory":
        _clear(want)
        os.makedirs(want.path, exist_ok=True)
        os.chown(want.path, _uid(want.owner), _gid(want.group))
        os.chmod(want.path, want.mode)
        return
    parent = os.path.dirname(want.path)
    os.makedirs(parent, exist_ok=True)
    _clear(want)
    if want.kind == "link":
        temporary = f"{want.path}.pbx-new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        os.symlink(str(want.target), temporary)
        os.rename(temporary, want.path)
        return
    handle, temporary = tempfile.mkstemp(dir=parent, prefix=".pbx-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(want.content or b"")
            os.fchown(stream.fileno(), _uid(want.owner), _gid(want.group))
            os.fchmod(stream.fileno(), want.mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, want.path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def remove(path: str) -> None:
    """Remove a file, a link or a whole directory."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def read_text(path: str) -> str:
    """The text of a file, or nothing when there is none."""
    try:
        return _bytes(path).decode(errors="replace")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""


def sha256_of(path: str) -> str | None:
    """SHA-256 of a file's content, or None when there is no such file."""
    try:
        return hashlib.sha256(_bytes(path)).hexdigest()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def _wanted_state(want: Want) -> dict[str, str]:
    if want.kind == "link":
        return {"type": "link", "target": str(want.target)}
    found = {"type": want.kind, "owner": want.owner, "group": want.group, "mode": f"{want.mode:04o}"}
    return found if want.content is None else {**found, "sha256": hashlib.sha256(want.content).hexdigest()}


def _name_of(number: int, entry: Callable[[int], Any]) -> str:
    """The name of an owner or group, or its number when it has none."""
    with contextlib.suppress(KeyError):
        return str(entry(number)[0])
    return str(number)


def _clear(want: Want) -> None:
    """Something of another type stands in the way: it goes."""
    if not os.path.lexists(want.path):
        return
    have = os.lstat(want.path).st_mode
    directory_in_the_way = stat.S_ISDIR(have) and want.kind != "directory"
    other_in_the_way = not stat.S_ISDIR(have) and want.kind == "directory"
    if directory_in_the_way or other_in_the_way:
        remove(want.path)


def _bytes(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _uid(name: str) -> int:
    """-1 when the user does not exist yet (check mode on a bare host): differs from every owner."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return -1


def _gid(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return -1
