"""A folder as a Git revision has it, in a temporary folder; files and folders only, no links out of it."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class GitError(RuntimeError):
    """Git is not there, the folder is in no repository, or the revision does not exist."""


@contextmanager
def folder_at(path: Path, revision: str) -> Iterator[Path | None]:
    """The folder as it was, or None when the revision has no such folder. Raises GitError."""
    prefix = _git(path, "rev-parse", "--show-prefix").decode().strip()
    commit = (
        _git(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    )
    tree = f"{commit}:{prefix}"
    if _run(path, "cat-file", "-e", tree).returncode:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pbx-") as temporary:
        top = Path(_git(path, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
        _unpack(_git(top, "archive", "--format=tar", tree), Path(temporary))
        yield Path(temporary)


def _unpack(data: bytes, to: Path) -> None:
    """The plain files of an archive; links are left out, so that nothing outside is read through one."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                target = to / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(stream.read())


def _git(path: Path, *words: str) -> bytes:
    done = _run(path, *words)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise GitError(said or f"{path}: git has no revision {words[-1].removesuffix('^{commit}')!r}")
    return done.stdout


def _run(path: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(path), *words], capture_output=True, check=False)
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}") from error
