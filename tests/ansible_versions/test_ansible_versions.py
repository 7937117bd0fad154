"""The collection under each series of ansible-core: the same playbook, the same results, the second time nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.row("C01")

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = {
    "edges": {"hosts": {"here": {}}},
    "relays": {"hosts": {"here": {}}},
    "calls": {"hosts": {"here": {}}},
    "media": {"hosts": {"here": {}}},
}


class Play:
    """ansible-playbook of one release, with a folder of its own."""

    def __init__(self, release: Path | None, folder: Path) -> None:
        self.release, self.folder = release, folder
        variables = {
            "sip_address": "10.77.0.11",
            "pbx_site_key": "k" * 40,
            "pbx_secrets": {"trunk_mtt": "not-to-be-seen-anywhere", "voicemail_ivanov": "739146"},
            "pbx_model_root": str(ROOT / "examples"),
            "folder": str(folder),
        }
        (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "children": INVENTORY}}))

    def environment(self) -> dict[str, str]:
        found = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        first = [str(self.release)] if self.release else []
        return {
            **found,
            "PYTHONPATH": os.pathsep.join([*first, str(ROOT / "src")]),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "pbx.core.pbx_results",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "PBX_RESULTS": str(self.folder / "results.jsonl"),
        }

    def run(self, *words: str) -> list[dict[str, Any]]:
        """The results as the callback wrote them."""
        (self.folder / "results.jsonl").unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", "ansible.cli.playbook", "-i", str(self.folder / "hosts.json"), *words]
        command.append(str(Path(__file__).with_name("everything.yml")))
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment(), check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert "not-to-be-seen-anywhere" not in done.stdout + done.stderr
        lines = (self.folder / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def version(self) -> str:
        program = "from ansible.release import __version__; print(__version__)"
        words = [sys.executable, "-P", "-c", program]
        return subprocess.run(words, capture_output=True, text=True, env=self.environment(), check=True).stdout


def test_the_same_playbook_runs(ansible: tuple[str, Path | None], tmp_path: Path) -> None:
    series, release = ansible
    play = Play(release, tmp_path)
    assert play.version().startswith(f"{series}.")
    first = play.run("-vvv")
    acted = [one["task"] for one in first if one["actions"]]
    assert acted == [
        "Place a staged file",
        "Make directories, files and links",
        "Bring the prompts",
        "Fill the tables of an edge that is down",
        "Trust addresses",
        "Watch targets",
        "Give the call process its model",
        "Plan a release",
    ]
    tables = next(one for one in first if one["task"].startswith("Fill the tables"))
    assert {"op": "create", "kind": "htable/domain", "id": "romashka.example"} in [
        {key: action[key] for key in ("op", "kind", "id")} for action in tables["actions"]
    ]
    assert (tmp_path / "etc" / "two").read_text() == "two: 42\n"
    if series == "2.19":  # its second runs are those of all tests on hosts
        return
    second = play.run()
    assert [one["task"] for one in second if one["actions"]] == ["Plan a release"]
    assert {one["status"] for one in second if one["task"] != "Plan a release"} == {"ok"}


def test_an_inventory_with_a_vault_is_read(ansible: tuple[str, Path | None], tmp_path: Path) -> None:
    """What `pbx credentials` does, by `pbx init`'s own repository."""
    environment = Play(ansible[1], tmp_path).environment()
    program = [sys.executable, "-P", "-c", "from pbx.cli.main import main; main()"]
    own = tmp_path / "own"
    subprocess.run([*program, "init", str(own)], env=environment, check=True, capture_output=True)
    words = ["credentials", "alice", "-i", str(own / "inventory/hosts.yml")]
    environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(own / ".vault-password")
    done = subprocess.run([*program, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "user name                alice-desk\n" in done.stdout
    environment.pop("ANSIBLE_VAULT_PASSWORD_FILE")
    done = subprocess.run([*program, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "ANSIBLE_VAULT_PASSWORD_FILE" in done.stderr
