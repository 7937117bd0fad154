"""Control groups: one for the lab, below it one per host, so that one write ends everything in it.

The machine may have cgroup2 only, or version 1 with a version 2 tree beside it (hybrid), and systemd may own
the tree or not: this is looked up, never assumed.
"""

import contextlib
import os
import subprocess
import time
from functools import cache
from pathlib import Path

from instance import ID, wait_until
from places import Trouble

V1_WANTED = ("name=systemd", "memory", "cpuacct", "pids")
"""What nspawn (the first) and our accounting use of version 1, where it is mounted."""

KEEPER = f"pbx-lab-{ID}.service"
"""With systemd as PID 1: the unit whose delegated group holds the lab (systemd wants no foreign groups)."""


@cache
def _mounts() -> tuple[Path, dict[str, Path]]:
    """Where version 2 is mounted, and each wanted version 1 hierarchy."""
    v2: Path | None = None
    v1: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        point = Path(fields.split()[4])
        if kind == "cgroup2":
            v2 = v2 or point
        elif kind == "cgroup":
            for name in set(options.split(",")) & set(V1_WANTED):
                v1.setdefault(name, point)
    if v2 is None:
        raise Trouble(
            "no cgroup2 tree is mounted: "
            "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified"
        )
    return v2, v1


def _systemd_rules() -> bool:
    return Path("/run/systemd/system").is_dir() and Path("/proc/1/comm").read_text().strip() == "systemd"


def _keeper_group() -> str:
    shown = subprocess.run(
        ["systemctl", "show", "--value", "-p", "ControlGroup", KEEPER], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


@cache
def _place() -> str:
    """The lab's group as a path below each hierarchy's mount point; empty when it is not there yet."""
    if _systemd_rules():
        return _keeper_group().strip("/")
    return f"pbx-lab/{ID}"


def make() -> None:
    """Create the lab's group."""
    if _systemd_rules() and not _keeper_group():
        command = [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={KEEPER}",
            "-p",
            "Delegate=yes",
            "-p",
            "TasksMax=infinity",
        ]
        subprocess.run([*command, "-p", "SendSIGHUP=no", "sleep", "infinity"], check=True)
        _place.cache_clear()
        keeper = group("keeper")[0]
        for pid in (keeper.parent / "cgroup.procs").read_text().split():
            (keeper / "cgroup.procs").write_text(pid)
    v2, _ = _mounts()
    top = v2 / _place()
    try:
        top.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Trouble(
            f"cannot make control groups below {v2} ({error.strerror}): run as root, outside of a container"
        ) from error
    _delegate(v2, top)


def _delegate(v2: Path, top: Path) -> None:
    """Hand memory and pids down where version 2 has them (on a hybrid machine it has not)."""
    node = v2
    for part in ("", *top.relative_to(v2).parts):
        node = node / part
        have = set((node / "cgroup.controllers").read_text().split()) & {"memory", "pids"}
        if have:
            try:
                (node / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(have)))
            except OSError:
                return


def group(name: str) -> list[Path]:
    """Create a group of the lab in every hierarchy; version 2 first."""
    v2, v1 = _mounts()
    found = [point / _place() / name for point in dict.fromkeys((v2, *v1.values()))]
    for path in found:
        path.mkdir(parents=True, exist_ok=True)
    return found


def path(name: str) -> Path:
    """The version 2 group, there or not."""
    return _mounts()[0] / (_place() or "no-lab") / name


def join(name: str) -> None:
    """Move this process there, so that `down` ends it too."""
    target = path(name)
    try:
        target.mkdir(exist_ok=True)
        (target / "cgroup.procs").write_text(str(os.getpid()))
    except OSError as error:
        raise Trouble(f"the lab is not up ({error.strerror} {target}): lab/lab up") from error


def memory(name: str) -> int | None:
    """Bytes charged to a group; None when nobody counts."""
    v2, v1 = _mounts()
    for file in (
        v2 / _place() / name / "memory.current",
        v1.get("memory", v2) / _place() / name / "memory.usage_in_bytes",
    ):
        if file.exists():
            return int(file.read_text())
    return None


def pids(top: Path) -> list[int]:
    """Every process in a group and below it."""
    found = []
    for folder, _, _ in os.walk(top):
        try:
            found += [int(word) for word in (Path(folder) / "cgroup.procs").read_text().split()]
        except OSError:
            continue
    return found


def end(name: str = "") -> None:
    """Kill all in a group (default: the whole lab) and remove it from every hierarchy."""
    v2, v1 = _mounts()
    if not _place():
        return
    top = v2 / _place() / name
    if top.is_dir():
        for _ in wait_until(time.monotonic() + 10, 0.02):
            if not pids(top):
                break
            _kill(top)
        else:
            raise Trouble(f"processes in {top} do not die: {pids(top)}")
    for point in dict.fromkeys((v2, *v1.values())):
        _remove(point / _place() / name)
        if not name and not _systemd_rules():
            with contextlib.suppress(OSError):  # another lab's group lies below it
                (point / _place()).parent.rmdir()
    if not name and _systemd_rules():
        subprocess.run(["systemctl", "stop", KEEPER], check=False, capture_output=True)


def _kill(top: Path) -> None:
    switch = top / "cgroup.kill"
    if switch.exists():
        switch.write_text("1")
        return
    for pid in pids(top):  # Linux before 5.14
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue


def _remove(top: Path) -> None:
    """Depth first; a group whose last process is just being buried says EBUSY for a moment."""
    for folder, _, _ in os.walk(top, topdown=False):
        for _ in wait_until(time.monotonic() + 5, 0.01):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                break
            except OSError:
                continue
            break
