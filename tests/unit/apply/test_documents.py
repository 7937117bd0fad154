"""What is compiled from the example model: the documents, their secrets apart, the same bytes each time."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pbx.desired.compile import Compiled, compile_all
from pbx.desired.digest import canonical
from pbx.desired.edge import all_trunks
from pbx.desired.hosts import Host, InventoryError, host_of
from pbx.desired.secrets import SecretError, Secrets, derived_password, ha1, tenant_token
from pbx.desired.source import LoadedSource, ModelRefused, load_source
from pbx.desired.trunks import in_format, target
from pbx.model import build

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("server, role", [("edge1", "edge"), ("relay1", "relay"), ("calls1", "media")])
def test_documents_are_as_kept(compiled: Compiled, server: str, role: str) -> None:
    """The kept files are the contract with the modules. Revisions and audio names follow the examples: left out."""
    one = compiled.of(server, role)
    assert one is not None
    body = {key: value for key, value in one.document.items() if key not in {"site_revision", "tenants", "prompts"}}
    assert body == json.loads((GOLDEN / f"{server}.{role}.json").read_text())


@pytest.mark.parametrize("server, name", [("calls1", "calls"), ("calls1", "media"), ("relay1", "relay")])
def test_start_up_configurations_are_as_kept(compiled: Compiled, server: str, name: str) -> None:
    one = compiled.of(server, name)
    assert one is not None
    assert one.process == json.loads((GOLDEN / f"{server}.{name}.process.json").read_text())


def test_a_document_builds_the_model_that_it_was_made_of(compiled: Compiled, loaded: LoadedSource) -> None:
    one = compiled.of("calls1", "calls")
    assert one is not None
    document = json.loads(canonical(one.document))
    plains = {id_: entry["plain"] for id_, entry in document["tenants"].items()}
    revisions = {id_: entry["revision"] for id_, entry in document["tenants"].items()}
    assert build.model(document["site"]["plain"], plains, revisions) == loaded.source.model


def test_every_prompt_of_the_model_has_its_audio(compiled: Compiled, loaded: LoadedSource) -> None:
    named = {
        audio
        for tenant in loaded.source.model.tenants.values()
        for prompt in tenant.prompts.values()
        for audio in prompt.audio.values()
    } | {
        audio
        for tenant in loaded.source.model.tenants.values()
        for words in tenant.spoken.values()
        for audio in words.values()
    }
    media = compiled.of("calls1", "media")
    assert media is not None
    assert named == set(loaded.audio) == set(media.document["prompts"])
    assert all(len(data) > 800 for data in loaded.audio.values())


def test_the_same_model_gives_the_same_bytes(hosts: list[Host], secrets: Secrets, compiled: Compiled) -> None:
    again = compile_all(load_source(str(Path(__file__).parents[3] / "examples")).source, hosts[::-1], secrets)
    assert [canonical(one.document) for one in again.documents] == [
        canonical(one.document) for one in compiled.documents
    ]


def test_no_secret_is_in_a_document(compiled: Compiled, secrets: Secrets) -> None:
    values = {value for one in compiled.documents for value in one.secrets.values()}
    text = b"".join(canonical([one.document, one.process]) for one in compiled.documents).decode()
    assert "mtt-password-of-tests" in values
    assert not [value for value in values if value in text]
    assert "mtt-password-of-tests" not in repr(compiled) + repr(secrets)


def test_each_server_gets_only_the_secrets_that_it_needs(compiled: Compiled) -> None:
    by_role = {(one.server, one.role): set(one.secrets) for one in compiled.documents}
    assert by_role["relay1", "relay"] == by_role["calls1", "media"] == set()
    assert by_role["calls1", "calls"] == {"trunk_mtt", "pin/voicemail_ivanov", "sound_key"}
    devices = ("ivanov-desk", "petrova-desk", "sidorov-desk", "orlova-soft", "orlova-web")
    assert by_role["edge1", "edge"] == {f"ha1/{one}@romashka.example" for one in devices}


def test_a_registering_trunk_is_registered_by_the_first_edge_only(loaded: LoadedSource, secrets: Secrets) -> None:
    site = json.loads(canonical(loaded.source.site))
    site["trunks"]["mtt"]["register"] = True
    model = build.model(site, loaded.source.tenants)
    trunks = {**model.tenants["romashka"].trunks, "mtt": model.site_trunks["mtt"]}
    tenants = {"romashka": replace(model.tenants["romashka"], trunks=trunks)}
    source = replace(loaded.source, model=replace(model, tenants=tenants), site=site)
    variables = {"sip_address": "10.77.0.11"}
    hosts = [host_of(f"edge{n}", ["edges"], variables) for n in (1, 2)]
    hosts += [host_of("rest", ["relays", "calls"], {"sip_address": "10.77.0.13"})]
    compiled = compile_all(source, hosts, secrets)
    first, second = compiled.of("edge1", "edge"), compiled.of("edge2", "edge")
    assert first is not None and second is not None
    row = first.document["registrations"][0]
    assert (row["l_uuid"], row["auth_password"]) == ("mtt", {"secret": "trunk_mtt"})
    assert first.secrets["trunk_mtt"] and "trunk_mtt" not in second.secrets
    assert second.document["registrations"] == []


def test_missing_secrets_are_all_named(loaded: LoadedSource, hosts: list[Host]) -> None:
    with pytest.raises(SecretError, match="trunk mtt: pbx_secrets has no 'trunk_mtt'"):
        compile_all(loaded.source, hosts, Secrets("k" * 40, {}))
    with pytest.raises(SecretError, match="pbx_site_key: at least 32 characters"):
        compile_all(loaded.source, hosts, Secrets("short", {"trunk_mtt": "x"}))


def test_an_inventory_without_a_needed_group_or_address_is_refused(
    loaded: LoadedSource, hosts: list[Host], secrets: Secrets
) -> None:
    with pytest.raises(InventoryError, match="no host in: relays"):
        compile_all(loaded.source, [host for host in hosts if "relays" not in host.groups], secrets)
    with pytest.raises(InventoryError, match="host edge9: the inventory does not set sip_address"):
        host_of("edge9", ["edges"], {})


def test_a_broken_model_is_refused_with_its_places(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused):
        load_source(str(tmp_path))


def test_trunk_targets_say_port_and_transport(loaded: LoadedSource) -> None:
    trunk = all_trunks(loaded.source.model)[0]
    assert target(replace(trunk, proxy="sip:a.example")) == "sip:a.example:5060;transport=udp"
    assert target(replace(trunk, proxy="sip:a.example;transport=tls")) == "sip:a.example:5061;transport=tls"
    assert target(replace(trunk, proxy="sip:a.example:5070;transport=TCP")) == "sip:a.example:5070;transport=tcp"
    assert target(replace(trunk, proxy="sips:a.example")) == "sip:a.example:5061;transport=tls"


def test_numbers_in_the_formats_of_trunks(loaded: LoadedSource) -> None:
    tenant = loaded.source.model.tenants["romashka"]
    assert in_format(tenant, "+74951000100", "e164_plus") == ("+74951000100",)
    assert in_format(tenant, "+74951000100", "e164_digits") == ("74951000100",)
    assert in_format(tenant, "+74951000100", "national") == ("84951000100", "4951000100")
    assert in_format(tenant, "+442070000000", "national") == ("810442070000000",)


def test_secrets_that_are_made_are_fixed_by_their_inputs() -> None:
    """These values must never change: phones hold them."""
    assert derived_password("k" * 40, "romashka", "ivanov", "desk", 1) == "dcswvptjr7xqplee5pqdld7piv"
    assert derived_password("k" * 40, "romashka", "ivanov", "desk", 2) != "dcswvptjr7xqplee5pqdld7piv"
    # RFC 2617 §3.5
    assert ha1("Mufasa", "testrealm@host.com", "Circle Of Life") == "939e7578ed9e3c518a452acee763bce9"
    assert tenant_token("romashka") == "1b8763ada098"
