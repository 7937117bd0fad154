"""Running services as systemd and /proc tell: what a process runs and when it began. Standard library only."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime

__all__ = [
    "Unit",
    "act",
    "cmdline",
    "did_not",
    "environment",
    "instances",
    "programs",
    "read_unit",
    "systemctl",
    "utc_moment",
]

_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "MainPID",
    "NeedDaemonReload",
    "Type",
    "ExecMainStartTimestamp",
)


@dataclass(frozen=True)
class Unit:
    """A unit's live state; an unknown unit, or a host without systemd, is not loaded and not active."""

    name: str
    loaded: bool
    active: bool
    enabled: bool
    needs_reload: bool
    pid: int
    oneshot: bool
    began: float | None  # when its process was started, seconds of the epoch, by the clock of that moment


def systemctl(*words: str) -> tuple[int, str]:
    """Exit status and output of a systemctl call."""
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return 127, "systemctl: not found"
    return done.returncode, (done.stdout + done.stderr).strip()


def act(step: str, unit: str) -> tuple[int, str]:
    """Exit status and output of a step of a unit. A start may find one that systemd has under way by itself, after a
    failure, with the files from before: so it is begun anew, which is the same for a unit that does not run."""
    return systemctl("restart" if step == "start" else step, unit)


def did_not(step: str, unit: str, text: str) -> str:
    """What to say when systemctl failed with `text`: with the last lines that the unit itself has logged."""
    log = _warnings_of(unit) or _log_of(unit)
    return f"{step} {unit}: {text}" + (f"\nlast lines of its log:\n{log}" if log else "")


def _warnings_of(unit: str) -> str:
    """journald does not know the unit of a process that died at once, so the name of its program counts as well."""
    stem = re.split("[@.]", unit)[0]
    programs = [f"SYSLOG_IDENTIFIER={name}" for name in dict.fromkeys((stem, stem.partition("-daemon")[0]))]
    matches = [word for program in programs for word in ("+", program)]
    return _log("--priority=warning", f"_SYSTEMD_UNIT={unit}", *matches)


def _log_of(unit: str) -> str:
    return _log(f"--unit={unit}")


def _log(*which: str) -> str:
    words = ["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=15", "--since=-2min", *which]
    try:
        return subprocess.run(words, capture_output=True, text=True, errors="replace", check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def read_unit(name: str) -> Unit:
    """The live state of a unit."""
    _code, text = systemctl("show", "--timestamp=us+utc", name, *(f"--property={one}" for one in _PROPERTIES))
    have = dict(line.partition("=")[::2] for line in text.splitlines())
    return Unit(
        name=name,
        loaded=have.get("LoadState") == "loaded",
        active=have.get("ActiveState") == "active",
        enabled=have.get("UnitFileState") in {"enabled", "enabled-runtime", "static", "alias"},
        needs_reload=have.get("NeedDaemonReload") == "yes",
        pid=int(have.get("MainPID") or 0),
        oneshot=have.get("Type") == "oneshot",
        began=utc_moment(have.get("ExecMainStartTimestamp", "")),
    )


def instances(template: str) -> list[str]:
    """Instances of a template unit (`pbx-calls@`) that run, failed, or are enabled."""
    pattern, found = f"{template}*.service", set()
    for words in (("list-units", "--all"), ("list-unit-files",)):
        _code, text = systemctl(*words, "--plain", "--no-legend", "--no-pager", pattern)
        found |= {line.split()[0] for line in text.splitlines() if line.startswith(template)}
    return sorted(name for name in found if name != f"{template}.service")


def utc_moment(text: str) -> float | None:
    """`Mon 2025-11-24 08:00:00.123456 UTC` as seconds of the epoch; nothing for an empty or odd text."""
    words = text.split()
    if len(words) != 4:
        return None
    try:
        return datetime.fromisoformat(f"{words[1]}T{words[2]}+00:00").timestamp()
    except ValueError:
        return None


def cmdline(pid: int) -> list[str]:
    """The arguments of a process; nothing when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return [part.decode(errors="replace") for part in stream.read().split(b"\0") if part]
    except OSError:
        return []


def programs() -> set[str]:
    """The first argument of every process."""
    found = (cmdline(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {arguments[0] for arguments in found if arguments}


def environment(pid: int) -> dict[str, str]:
    """The environment that a process was started with; nothing when it is gone."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            parts = stream.read().split(b"\0")
    except OSError:
        return {}
    return dict(part.decode(errors="replace").partition("=")[::2] for part in parts if b"=" in part)
