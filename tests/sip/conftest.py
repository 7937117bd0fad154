"""What the live tests stand on: the lab with `examples/` applied, and the people and parties around it."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.local_stack import Stack
from phones.romashka.stage import Stage
from phones.scripted.desk import Story, Tell, desk, office

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


@pytest.fixture(scope="module")
def local_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str]]:
    """pbx-calls with its neighbours on loopback, serving the house of the scenarios."""
    with office(tmp_path_factory.mktemp("office") / "stack") as made:
        yield made


@pytest.fixture
def tell(local_office: tuple[Stack, str]) -> Tell:
    """Runs a story at telephones of its own, after which nothing may be left."""

    def run(story: Story) -> None:
        async def main() -> None:
            async with asyncio.timeout(40), desk(*local_office) as made:
                await story(made)

        asyncio.run(main())

    return run
