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


def controller() -> float:
    """CPU seconds of the commands that have ended here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(site: Site, bar: str, what: str, expect: dict[str, list[str]]) -> None:
    """A row: CPU of the hosts for the model's tasks; it holds when just the expected was done."""
    hosts, here, began = cpu(site), controller(), time.monotonic()
    done = site.changes("apply", "--tags", "model", expect=0)
    hosts, here, seconds = cpu(site) - hosts, controller() - here, time.monotonic() - began
    unit = f"s CPU on all hosts, {what} (controller {here:.1f} s CPU; {seconds:.0f} s in all)"
    report(bar, hosts, unit, 5.0, hosts <= 5.0 and done == expect)


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
        measure(site, "B7 nothing", "the model's tasks", {})
        path = next(path for path in (site.root / "big").glob("*.yml") if "Номер 77\n" in path.read_text())
        path.write_text(path.read_text().replace("Номер 77\n", "Номер 77-бис\n"))
        changed = ["~ user big/user00077 (name)", "! load model calls1 (tenant big)"]
        measure(site, "B7 one user", "nothing else touched", {"calls1": changed})


if __name__ == "__main__":
    main()
