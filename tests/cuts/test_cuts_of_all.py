"""SIGKILL at the boundary of every task of a whole apply: packages, files, services, model (`make test-cuts`)."""

from pathlib import Path

import pytest
from hosts.story import Site
from hosts.test_cuts import ask, change, cut_everywhere, is_part, processes

pytestmark = [pytest.mark.lab, pytest.mark.row("R34")]


def test_cut_at_every_task_of_a_change_of_everything(site: Site, tmp_path: Path) -> None:
    change(site, "a")
    site.pbx("apply", expect=0)
    before, running = ask(site), processes(site)
    change(site, "b")
    settings = site.inventory.parent / "group_vars/all/zz_changed.yml"
    settings.write_text(
        "rtpengine_settings: {timeout: 3601}\nkamailio_pike_density: 190\n"
        'base_firewall_rules: ["tcp dport 9100 accept"]\n'
    )
    seen = cut_everywhere(site, tmp_path)
    after = ask(site)
    for number, (boundary, live) in enumerate(seen, 1):
        print(f"{number:3} {boundary}")
        assert is_part(live, before, after), f"cut at {boundary}: {live}"
    assert seen[0][1] == before and seen[-1][1] == after and len(seen) > 30
    now = processes(site)
    assert {unit for unit, pid in now.items() if pid != running[unit]} == {"kamailio.service"}  # its file has changed
    assert site.pbx("drift", expect=0).stdout.startswith("no differences\n")
