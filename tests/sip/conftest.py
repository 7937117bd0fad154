"""What the live tests stand on: the lab with `examples/` applied, and the people and parties around it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from phones.romashka.stage import Stage

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def pbx(lab: Any) -> Any:
    """The lab after `playbooks/site.yml`, the same command as the README's."""
    command = [CHECKOUT / ".venv/bin/ansible-playbook", "-i", "inventory/lab/hosts.yml", "playbooks/site.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return lab


@pytest.fixture(scope="session")
def stage(pbx: Any) -> Iterator[Stage]:
    """Phones and carriers, started at their first use and kept for all tests."""
    with Stage() as made:
        yield made
