"""What seals and keeps recordings, compiled: keys that a host has, the bucket, and what cannot be kept (R17, R18)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pbx.desired import calls, keeper
from pbx.desired.hosts import Host, InventoryError, host_of
from pbx.desired.secrets import SecretError, Secrets
from pbx.model.objects import Model, Tenant
from pbx.model.services import Recording, Services
from pbx.server import config
from pbx.store.age import Identity

pytestmark = pytest.mark.row("R18")

KEY = "k" * 40
BUCKET = {"endpoint": "https://s3.example", "bucket": "recordings", "region": "eu"}
ACCESS = {"object_storage_access_key": "a" * 20, "object_storage_secret_key": "s" * 40}


def host(name: str = "calls1", *groups: str, **variables: Any) -> Host:
    return host_of(name, groups or ("calls",), {"sip_address": f"10.0.0.{len(name)}", **variables})


def model(store: str) -> Model:
    services = Services(recordings={"outside": Recording("outside", store=store)})
    acme = Tenant("acme", "Acme", "acme.example", "RU", "7", "Europe/Moscow", ("ru-RU",), services=services)
    return Model(tenants={"acme": acme})


def test_a_relay_host_has_the_half_that_seals_and_nothing_that_opens() -> None:
    sealing, keeping = keeper.sealer_secrets(Secrets(KEY)), keeper.keeper_secrets(host(), [host()], Secrets(KEY))
    assert set(sealing) == {"recording_public", "keeper_key"}
    assert Identity.of(keeping["recording_keys"]).public.hex() == sealing["recording_public"]
    assert keeping["keeper_key"] == sealing["keeper_key"] and KEY not in str((sealing, keeping))


def test_after_a_change_of_the_site_key_old_ones_are_opened_and_new_ones_have_the_new_key() -> None:
    before = keeper.keeper_secrets(host(), [host()], Secrets(KEY))["recording_keys"]
    after = keeper.keeper_secrets(host(), [host()], Secrets("n" * 40, {"recording_old_keys": KEY}))
    newest, *older = after["recording_keys"].split("\n")
    assert older == [before] and newest != before
    assert Identity.of(newest).public.hex() == after["recording_public"]
    same = keeper.keeper_secrets(host(), [host()], Secrets("n" * 40, {"recording_key": KEY}))
    assert same["recording_keys"] == before


@pytest.mark.row("R13")
def test_rooms_of_each_call_process_have_a_spool_that_is_kept(tmp_path: Path) -> None:
    two = host("calls1", "calls", "media", pbx_calls_instances=2)
    file = tmp_path / "calls.json"
    file.write_text(json.dumps(calls.process(two, [two])))
    spools = [str(config.read(file, number).spool) for number in (1, 2)]
    assert len(set(spools)) == 2 and set(spools) <= set(keeper.keeper(two, [two])["spools"])


def test_one_call_host_keeps_and_all_others_hand_over_and_ask_there() -> None:
    first, other, relay = host("calls1", "calls", "web"), host("calls-22", "calls", "web"), host("relay1", "relays")
    hosts = [relay, other, first]
    keeps = keeper.archive(hosts)
    assert keeps == other  # by name
    to = [{"address": other.sip_address, "port": keeper.PORT}]
    assert keeper.sealer(relay, hosts)["to"] == keeper.keeper(first, hosts)["to"] == to
    assert "archive" not in keeper.keeper(first, hosts) and keeper.keeper(other, hosts)["archive"]["asked"]
    assert keeper.place(other, hosts) == keeper.SOCKET
    assert keeper.place(first, hosts) == {"address": other.sip_address, "port": keeper.ASKED_PORT}
    assert "recording_keys" not in keeper.keeper_secrets(first, hosts, Secrets(KEY))
    assert keeper.key_of_asker(first, hosts, Secrets(KEY)) and not keeper.key_of_asker(other, hosts, Secrets(KEY))
    assert "asked" not in keeper.keeper(other, [relay, other])["archive"]


def test_s3_wants_a_bucket_and_its_keys() -> None:
    one = host()
    keeper.require(model("local"), [one])
    with pytest.raises(InventoryError, match="has no pbx_recording_settings: endpoint, bucket, region"):
        keeper.require(model("s3"), [one])
    with_bucket = host(pbx_recording_settings=BUCKET)
    keeper.require(model("s3"), [with_bucket])
    assert keeper.keeper(with_bucket, [with_bucket])["archive"]["s3"] == BUCKET
    with pytest.raises(SecretError, match="pbx_secrets has no 'object_storage_access_key'"):
        keeper.keeper_secrets(with_bucket, [with_bucket], Secrets(KEY))
    assert keeper.keeper_secrets(with_bucket, [with_bucket], Secrets(KEY, ACCESS)).items() >= ACCESS.items()
    for wrong in ({**BUCKET, "prefix": "x"}, {"endpoint": "https://s3.example"}, {**BUCKET, "endpoint": "s3.example"}):
        with pytest.raises(InventoryError, match="pbx_recording_settings"):
            odd = host(pbx_recording_settings=wrong)
            keeper.keeper(odd, [odd])


def test_a_host_without_a_bucket_keeps_in_a_folder() -> None:
    assert keeper.keeper(host(), [host()])["archive"]["s3"] is None
