"""B15: what a `pbx plan` without differences costs, against ping tasks of the same number on the same three hosts.

CPU is that of the hosts' control groups and of the commands here. Both runs use the same settings, become included;
as many pings run as the plan ran modules on hosts, so what is measured is what our modules do beyond being called.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from apply import controller, cpu
from hosts.story import HOSTS, Site, new_site
from throwaway import CHECKOUT

from pbx.cli import _collection

RUNS = 3


class Used(NamedTuple):
    """CPU seconds of hosts and controller, and how many module runs there were."""

    hosts: float
    controller: float
    tasks: int

    @property
    def all(self) -> float:
        return self.hosts + self.controller


def measured(site: Site, command: list[str], folder: Path) -> Used:
    """Run a playbook with our callback, which tells how many results there were."""
    results = folder / "results.jsonl"
    results.unlink(missing_ok=True)
    environment = {
        **_collection.environment(),
        "ANSIBLE_STDOUT_CALLBACK": "pbx.core.pbx_results",
        "PBX_RESULTS": str(results),
    }
    hosts, here = cpu(site), controller()
    subprocess.run(command, env=environment, cwd=CHECKOUT, check=True, stderr=subprocess.DEVNULL)
    used = cpu(site) - hosts, controller() - here
    return Used(*used, len(results.read_text().splitlines()))


def playbook(site: Site, path: str, *words: str) -> list[str]:
    program = Path(sys.executable).with_name("ansible-playbook")
    return [str(program), "-i", str(site.inventory), "-e", f"pbx_model_root={site.model}", *words, path]


def pings(folder: Path, tasks: int) -> str:
    """A playbook of that many module runs on the three hosts."""
    each = [{"name": f"Ping {number}", "ansible.builtin.ping": {}} for number in range(round(tasks / len(HOSTS)))]
    path = folder / "pings.yml"
    play = {"hosts": ",".join(HOSTS), "gather_facts": False, "become": True, "tasks": each}
    path.write_text(json.dumps([play]))
    return str(path)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, new_site(Path(name)) as site:
        folder = Path(name)
        os.chdir(CHECKOUT)
        site.pbx("apply", expect=0, timeout=900)
        plan = [measured(site, playbook(site, "playbooks/site.yml", "--check"), folder) for _ in range(RUNS)]
        tasks = plan[0].tasks
        ping = [measured(site, playbook(site, pings(folder, tasks)), folder) for _ in range(RUNS)]
        ours, bare = (sorted(runs, key=lambda run: run.all)[RUNS // 2] for runs in (plan, ping))
        ratio = ours.all / bare.all
        unit = (
            f"times the CPU of as many pings: {tasks} module runs, {ours.hosts:.1f} + {ours.controller:.1f} s of hosts "
            f"and controller against {bare.hosts:.1f} + {bare.controller:.1f} s"
        )
        row = {"bar": "B15", "figure": round(ratio, 2), "unit": unit, "goal": 3.0, "floor": None, "ratio": None}
        print(json.dumps({**row, "holds": ratio <= 3.0}), flush=True)


if __name__ == "__main__":
    main()
