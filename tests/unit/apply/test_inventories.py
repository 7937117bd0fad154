"""The example inventories compile: addresses and groups are complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pbx.cli._inventory import read
from pbx.desired.compile import compile_all
from pbx.desired.hosts import InventoryError
from pbx.desired.secrets import Secrets
from pbx.desired.source import LoadedSource

INVENTORY = Path(__file__).resolve().parents[3] / "inventory"


CLUSTER = {"edge1", "edge2", "relay1", "relay2", "calls1", "calls2"}


@pytest.mark.parametrize("name, servers", [("single", {"pbx1"}), ("cluster", CLUSTER)])
def test_an_example_inventory_compiles(name: str, servers: set[str], loaded: LoadedSource, secrets: Secrets) -> None:
    inventory = read(INVENTORY / name / "hosts.yml")
    assert Path(inventory.variables["pbx_model_root"]).resolve() == INVENTORY.parent / "examples"
    compiled = compile_all(loaded.source, inventory.hosts, secrets)
    assert {one.server for one in compiled.documents} == servers


def test_behind_nat_the_outside_is_told_the_public_address(loaded: LoadedSource, secrets: Secrets) -> None:
    compiled = compile_all(loaded.source, read(INVENTORY / "cluster/hosts.yml").hosts, secrets)
    relay, calls = compiled.of("relay2", "relay"), compiled.of("calls1", "calls")
    assert relay is not None and calls is not None and calls.process is not None
    assert relay.document["settings"]["interface"] == "10.0.0.22!203.0.113.22"
    assert relay.document["settings"]["listen-ng"] == "10.0.0.22:2223"
    assert calls.process["edges"][0]["public"] == "203.0.113.11"
    assert [one["name"] for one in calls.process["relays"]] == ["relay1", "relay2"]


def test_an_ansible_cfg_that_lies_around_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\nvault_password_file = /no/such/file\ninventory = nowhere\n")
    program = (
        "from pathlib import Path; from pbx.cli._inventory import read\n"
        f"print(read(Path({str(INVENTORY / 'single/hosts.yml')!r})).hosts[0].name)"
    )
    words = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(INVENTORY.parent / "src")}
    environment.pop("ANSIBLE_CONFIG", None)
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("pbx1\n", "")


def test_an_inventory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="no such inventory"):
        read(tmp_path / "hosts.yml")
