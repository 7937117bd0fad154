"""B7: an apply of 10,000 users and 10,000 numbers on three hosts: the first time, nothing to change, one user changed.

CPU is that of the hosts' control groups, so it holds what their services do meanwhile. The hosts are a lab of their
own with the packages installed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from big_model import write
from hosts.story import HOSTS, Site, new_site

USERS = 10_000


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


def measured(site: Site, expect: dict[str, list[str]]) -> tuple[float, bool]:
    """CPU of the hosts for the model's tasks, and whether just the expected was done."""
    before = cpu(site)
    done = site.changes("apply", "--tags", "model", expect=0)
    return cpu(site) - before, done == expect


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, new_site(Path(folder)) as site:
        site.pbx("apply", expect=0, timeout=600)  # code and services, with the small example
        site.root = Path(folder) / "big"
        write(site.root, USERS, USERS)
        began = time.monotonic()
        site.pbx("apply", "--remove-tenant", "romashka", expect=0, timeout=600)
        report("B7 first", time.monotonic() - began, "s, 10,000 users and numbers on 3 hosts", 60.0)
        figure, right = measured(site, {})
        report("B7 nothing", figure, "s CPU on all hosts, the model's tasks", 5.0, figure <= 5.0 and right)
        path = next(path for path in (site.root / "big").glob("*.yml") if "Номер 77\n" in path.read_text())
        path.write_text(path.read_text().replace("Номер 77\n", "Номер 77-бис\n"))
        changed = ["~ user big/user00077 (name)", "! load model calls1 (tenant big)"]
        figure, right = measured(site, {"calls1": changed})
        report("B7 one user", figure, "s CPU on all hosts, nothing else touched", 5.0, figure <= 5.0 and right)


if __name__ == "__main__":
    main()
