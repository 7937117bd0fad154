"""B7: an apply of 10,000 users and 10,000 numbers on three hosts: the first time, nothing to change, one user changed.

CPU is that of the hosts' control groups, so it holds what their services do meanwhile; the controller's is that of
`pbx apply` and its children. The hosts are a lab of their own with the packages installed.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from big_model import write
from hosts.story import HOSTS, Site, new_site

USERS, RUNS = 10_000, 3


class Run(NamedTuple):
    """What an apply took: CPU seconds of hosts and controller, seconds, and whether it did just what was expected."""

    hosts: float
    controller: float
    seconds: float
    right: bool


def report(bar: str, figure: float, unit: str, goal: float, holds: bool | None = None) -> None:
    row = {"bar": bar, "figure": round(figure, 2), "unit": unit, "goal": goal, "floor": None, "ratio": None}
    print(json.dumps({**row, "holds": figure <= goal if holds is None else holds}), flush=True)


def cpu(site: Site) -> float:
    """CPU seconds of the three hosts since they were booted."""
    return sum(_of_group(int(site.lab.status()["hosts"][host]["pid"])) for host in HOSTS)


def _of_group(pid: int) -> float:
    """Of the control group of a host, found by its first process: version 1 (cpuacct) or 2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        parts = Path(path).parts
        place = next((index for index, part in enumerate(parts) if part.startswith("host-")), None)
        if place is None:
            continue
        group = Path(*parts[1 : place + 1])
        if "cpuacct" in controllers.split(","):
            return int((Path("/sys/fs/cgroup/cpuacct") / group / "cpuacct.usage").read_text()) / 1e9
        stat = Path("/sys/fs/cgroup") / group / "cpu.stat"
        if not controllers and stat.exists():
            return int(stat.read_text().split()[1]) / 1e6
    raise RuntimeError(f"process {pid}: no control group of a host with CPU figures")


def controller() -> float:
    """CPU seconds of the commands that have ended here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def applied(site: Site, expect: dict[str, list[str]]) -> Run:
    """One apply of the model's tasks."""
    hosts, here, began = cpu(site), controller(), time.monotonic()
    done = site.changes("apply", "--tags", "model", expect=0)
    return Run(cpu(site) - hosts, controller() - here, time.monotonic() - began, done == expect)


def report_runs(bar: str, what: str, runs: list[Run]) -> None:
    """The median by the hosts' CPU; it holds when each did just what was expected."""
    run, right = sorted(runs)[len(runs) // 2], all(run.right for run in runs)
    unit = f"s CPU on all hosts, {what} (controller {run.controller:.1f} s CPU; {run.seconds:.0f} s in all)"
    report(bar, run.hosts, unit, 5.0, run.hosts <= 5.0 and right)


def rename(site: Site, number: int) -> dict[str, list[str]]:
    """Change the name of one user; returns what an apply must then do."""
    old, new = f"Номер {number}\n", f"Номер {number}-бис\n"
    path = next(path for path in (site.model / "big").glob("*.yml") if old in path.read_text())
    path.write_text(path.read_text().replace(old, new))
    return {"calls1": [f"~ user big/user{number:05d} (name)", "! load model calls1 (tenant big)"]}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, new_site(Path(folder)) as site:
        site.pbx("apply", expect=0, timeout=600)  # code and services, with the small example
        site.root = Path(folder) / "big"
        write(site.root, USERS, USERS)
        began, before = time.monotonic(), cpu(site)
        site.pbx("apply", "--remove-tenant", "romashka", expect=0, timeout=600)
        seconds = time.monotonic() - began
        unit = f"s, {USERS} users and numbers on 3 hosts ({cpu(site) - before:.1f} s CPU on all hosts)"
        report("B7 first", seconds, unit, 60.0)
        report_runs("B7 nothing", "the model's tasks", [applied(site, {}) for _ in range(RUNS)])
        changed = [applied(site, rename(site, number)) for number in range(77, 77 + RUNS)]
        report_runs("B7 one user", "nothing else touched", changed)


if __name__ == "__main__":
    main()
