"""The example inventories compile: addresses and groups are complete."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pbx.cli._inventory import read
from pbx.desired import store
from pbx.desired.compile import compile_all
from pbx.desired.hosts import InventoryError, host_of
from pbx.desired.secrets import Secrets
from pbx.desired.source import LoadedSource

INVENTORY = Path(__file__).resolve().parents[3] / "inventory"


CLUSTER = {"edge1", "edge2", "relay1", "relay2", "calls1", "calls2", "store1"}


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


def test_a_cluster_keeps_its_records_in_one_store(loaded: LoadedSource, secrets: Secrets) -> None:
    compiled = compile_all(loaded.source, read(INVENTORY / "cluster/hosts.yml").hosts, secrets)
    stored = compiled.of("store1", "store")
    assert stored is not None
    assert (stored.document["listen"], stored.document["clients"]) == ("10.0.0.41", ["10.0.0.31", "10.0.0.32"])
    password = stored.secrets["store_password"]
    assert len(password) == 26
    for name in ("calls1", "calls2"):
        calls = compiled.of(name, "calls")
        assert calls is not None and calls.process is not None
        assert calls.process["store"] == "postgresql://pbx@10.0.0.41:5432/pbx?sslmode=require"
        assert calls.secrets["store_password"] == password
    given = replace(secrets, given={**secrets.given, "store_password": "chosen"})
    compiled = compile_all(loaded.source, read(INVENTORY / "cluster/hosts.yml").hosts, given)
    assert (found := compiled.of("store1", "store")) is not None and found.secrets == {"store_password": "chosen"}


def test_each_tenant_belongs_to_one_call_process(loaded: LoadedSource, secrets: Secrets) -> None:
    compiled = compile_all(loaded.source, read(INVENTORY / "cluster/hosts.yml").hosts, secrets)
    owned = {}
    for name in ("calls1", "calls2"):
        calls = compiled.of(name, "calls")
        assert calls is not None
        owned.update(dict.fromkeys(calls.document["owned"], calls.process and calls.process["listen"]))
    for name in ("edge1", "edge2"):
        edge = compiled.of(name, "edge")
        assert edge is not None
        assert edge.document["htables"]["owner"] == {id_: f"sip:{address}:5070" for id_, address in owned.items()}


def test_a_store_that_is_not_there_is_told() -> None:
    base = {"sip_address": "10.0.0.1"}
    calls = host_of("calls1", ["calls"], {**base, "pbx_store": "postgresql"})
    with pytest.raises(InventoryError, match=r"calls1: pbx_store is postgresql, and no host of the group store"):
        store.place([calls])
    two = [host_of(name, ["store"], {**base, "pbx_store": "postgresql"}) for name in ("store1", "store2")]
    with pytest.raises(InventoryError, match="is one host, here are store1, store2"):
        store.place(two)
    with pytest.raises(InventoryError, match="pbx_store is 'mysql'; it may be sqlite or postgresql"):
        host_of("store1", ["store"], {**base, "pbx_store": "mysql"})


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
