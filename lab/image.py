"""What hosts boot from: a Debian tree, a package repository and a layer, built once per content by `build-image`."""

import hashlib
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from instance import CACHE, locked, say
from places import Trouble

HERE = Path(__file__).resolve().parent
SUITE = os.environ.get("PBX_LAB_SUITE", "bookworm")
ROOM_NEEDED = 3 * 1024**3
"""Bytes of disk: base 245 MB, repository 72 MB, layer 240 MB, an old image beside it, and room to work."""

KEPT_SECONDS = 30 * 86400.0

SETTINGS_KEPT = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::Force")
"""What of this machine's apt configuration helps to reach its mirror: proxies, certificates, dates."""


class Image(NamedTuple):
    """Folders to boot from; the same names `build-image` uses."""

    base: Path
    repo: Path
    layer: Path


def packages() -> list[str]:
    lines = (HERE / "packages.txt").read_text().splitlines()
    return sorted({line.strip() for line in lines if line.strip() and not line.startswith("#")})


def key() -> str:
    """The content hash: the same recipe, suite, machine type and packages give the same folder."""
    parts = [(HERE / "build-image").read_text(), SUITE, platform.machine(), *packages()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def ensure() -> Image:
    """The cached image; built now when there is none (under a lock: two clones build once)."""
    folder = CACHE / key()
    if not folder.is_dir():
        with locked(CACHE / "lock", "another lab builds the image: waiting"):
            if not folder.is_dir():
                _prune()
                _build(folder)
    os.utime(folder)  # "used just now", for _prune
    return Image(folder / "base", folder / "repo", folder / "layer")


def _build(folder: Path) -> None:
    _check()
    making = folder.with_name(f"making-{folder.name}")
    _clear(making)
    (making / "work").mkdir(parents=True)
    (making / "out").mkdir()
    (making / "work/packages").write_text("\n".join(packages()) + "\n")
    (making / "work/sources.list").write_text(_sources())
    (making / "work/apt.conf").write_text(_apt_settings())
    say(f"building the host image {folder.name} (once; about two minutes)")
    command = [
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    log = CACHE / f"{folder.name}.log"
    with open(log, "w") as sink:
        builder = subprocess.Popen(
            [*command, str(HERE / "build-image"), SUITE, str(making / "work"), str(making / "out")],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert builder.stderr is not None
        for line in builder.stderr:
            sink.write(line)
            if line.startswith("lab: "):
                say(line.removeprefix("lab: ").rstrip())
        code = builder.wait()
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise Trouble(f"the image could not be built; the whole log is {log}\n{tail}")
    os.rename(making / "out", folder)
    _clear(making)


def _prune() -> None:
    """Remove images that no lab booted from for a month and no running host stands on."""
    for folder in CACHE.glob("????????????????"):
        if time.time() - folder.stat().st_mtime > KEPT_SECONDS and not _in_use(folder):
            say(f"removing the old image {folder.name}")
            _clear(folder)


def _in_use(folder: Path) -> bool:
    """Whether any process sees a mount made from it (hosts mount in namespaces of their own)."""
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if str(folder) in mounts.read_text():
                return True
        except OSError:
            continue
    return False


def _check() -> None:
    if shutil.which("mmdebstrap") is None or shutil.which("dpkg-scanpackages") is None:
        raise Trouble("mmdebstrap or dpkg-dev is missing: run lab/install")
    CACHE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(CACHE).free
    if free < ROOM_NEEDED:
        raise Trouble(
            f"{CACHE} has {free >> 20} MB free and the image needs 3 GB to build: free some, or set PBX_LAB_CACHE"
        )


def _clear(folder: Path) -> None:
    """Remove a half-built image; its mounts ended with the builder's mount namespace."""
    if folder.exists():
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True)


def _sources() -> str:
    """This machine's Debian mirrors, for the lab's suite."""
    own = _os_release("VERSION_CODENAME")
    shown = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
            "Created-By: Packages",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = []
    for row in shown.stdout.splitlines():
        uri, release, component, *origin = row.split()
        # an unknown origin (no list fetched yet) is printed as the bare name
        if (
            origin in ([], ["Debian"], ["$(ORIGIN)"])
            and release in (own, f"{own}-updates", f"{own}-security")
            and component == "main"
        ):
            lines.append(f"deb {uri} {release.replace(own, SUITE, 1)} main")
    return "\n".join(dict.fromkeys(lines) or [f"deb http://deb.debian.org/debian {SUITE} main"]) + "\n"


def _os_release(name: str) -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith(f"{name}="):
            return line.partition("=")[2].strip('"')
    return ""


def _apt_settings() -> str:
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(SETTINGS_KEPT))
