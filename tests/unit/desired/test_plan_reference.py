"""What docs/reference/plan.md promises of the playbook."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pbx.cli import _collection

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.row("C05")


def test_the_playbook_has_no_more_tasks_than_stated() -> None:
    stated = re.search(r"has at most (\d+) tasks", (ROOT / "docs/reference/plan.md").read_text("utf-8"))
    assert stated
    program = Path(sys.executable).with_name("ansible-playbook")
    words = [str(program), "-i", "inventory/lab/hosts.yml", "playbooks/site.yml", "--list-tasks"]
    environment = {**os.environ, **_collection.environment()}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    tasks = [line for line in done.stdout.splitlines() if "TAGS:" in line and "play #" not in line]
    assert 20 < len(tasks) <= int(stated[1])
