"""The code that the services run, as one archive: our sources, the lock file and its wheels. Runs on the controller."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pbx

PACKAGE = Path(pbx.__file__).parent
# What the services never import: changing these restarts nothing.
CONTROLLER_ONLY = ("analysis", "cli", "collections", "desired", "speech")
SPEECH = ("speech/__init__.py", "speech/spoken/", "speech/recognition/")  # of it the words of a call
PROGRAMS = {
    "pbx-calls": "pbx.server.calls",
    "pbx-media": "pbx.server.media",
    "pbx-journal": "pbx.server.journal",
    "pbx-relay": "pbx.server.relay",
    "pbx-keeper": "pbx.server.keeper",
    "pbx-boxes": "pbx.server.boxes",
    "pbx-write-down": "pbx.server.write_down",
    "pbx-web": "pbx.server.web",
    "pbx-recogniser": "pbx.server.recogniser",
}
TARGET_PYTHONS = {"3.11": "Debian 12", "3.13": "Debian 13"}
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


class ReleaseError(RuntimeError):
    """The wheels of the lock file could not be had, or a host has a Python that there are none for."""


def lock_file() -> Path:
    """requirements/target.lock: beside the sources in a clone, inside the package when installed."""
    for path in (PACKAGE / "target.lock", PACKAGE.parents[1] / "requirements" / "target.lock"):
        if path.exists():
            return path
    raise ReleaseError("target.lock is neither in the package nor in requirements/")


def sources() -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of each source file that goes to targets, in order; the same in clone and wheel."""
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        goes = relative.parts[0] not in CONTROLLER_ONLY or str(relative).startswith(SPEECH)
        if path.is_file() and goes:
            yield f"src/pbx/{relative}", path


def version() -> str:
    """SHA-256 of lock file, sources and commands, 12 hex digits."""
    digest = hashlib.sha256(lock_file().read_bytes())
    digest.update(repr(sorted(PROGRAMS.items())).encode())
    for name, path in sources():
        data = path.read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:12]


def cache() -> Path:
    """Where wheels and archives are kept between runs, outside of any clone."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "pbx-as-code"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def wheelhouse(python: str) -> Path:
    """A folder with every wheel of the lock file for a target's Python, checked by hash; made once per lock."""
    key = hashlib.sha256(lock_file().read_bytes()).hexdigest()[:16]
    folder = cache() / f"wheels-{python}-{key}"
    with open(cache() / "wheels.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        _download(partial, python)
        partial.rename(folder)
    return folder


def _download(folder: Path, python: str) -> None:
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    words += ["--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for platform in PLATFORMS:
        words += ["--platform", platform]
    words += ["--dest", str(folder), "-r", str(lock_file())]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"pip download: {done.stderr.strip()[-800:]}")


def archive(python: str) -> Path:
    """The release as a tar file for hosts with this Python (`3.11`); made once per version.

    Two runs at once make equal files and the last one stays. Raises ReleaseError.
    """
    if python not in TARGET_PYTHONS:
        known = " and ".join(f"{one} ({debian})" for one, debian in TARGET_PYTHONS.items())
        raise ReleaseError(f"the host has Python {python}: the services run on {known}")
    path = cache() / f"release-{version()}-{python}.tar"
    if path.exists():
        return path
    wheels = wheelhouse(python)
    partial = path.with_suffix(f".{os.getpid()}")
    with tarfile.open(partial, "w") as tar:
        for name, source in sources():
            tar.add(source, arcname=name, recursive=False, filter=_plain)
        tar.add(lock_file(), arcname="target.lock", filter=_plain)
        for wheel in sorted(wheels.iterdir()):
            tar.add(wheel, arcname=f"wheels/{wheel.name}", filter=_plain)
    partial.rename(path)
    for old in sorted(cache().glob("release-*.tar"), key=lambda one: one.stat().st_mtime)[:-8]:
        old.unlink(missing_ok=True)
    return path


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o644
    return member
