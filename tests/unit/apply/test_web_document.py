"""What a web host is brought: tokens as hashes, and the configuration of its process."""

import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pbx.desired import web
from pbx.desired.compile import compile_all
from pbx.desired.credentials import Unknown, token_of
from pbx.desired.hosts import Host, InventoryError, host_of
from pbx.desired.secrets import SecretError, Secrets
from pbx.desired.source import LoadedSource
from pbx.model.objects import Model
from pbx.model.services import ApiToken
from pbx.web.access import Tokens

pytestmark = pytest.mark.row("R31")


def host(groups: tuple[str, ...] = ("calls", "web"), **more: Any) -> Host:
    return host_of("calls1", groups, {"sip_address": "10.77.0.13", **more})


def with_tokens(loaded: LoadedSource, *tokens: ApiToken) -> Model:
    tenant = loaded.source.model.tenants["romashka"]
    services = replace(tenant.services, api_tokens={token.id: token for token in tokens})
    return replace(loaded.source.model, tenants={"romashka": replace(tenant, services=services)})


def test_a_token_travels_as_its_hash_and_opens_what_the_yaml_says(
    loaded: LoadedSource, secrets: Secrets, tmp_path: Path
) -> None:
    model = loaded.source.model
    document = web.document(model, secrets)
    value = token_of(model, secrets, "romashka/ivanov-app")
    assert value.startswith("pbx_") and len(value) == 30
    assert value not in json.dumps(document)
    (tmp_path / "tokens.json").write_text(json.dumps(document))
    token = Tokens(tmp_path / "tokens.json").find(value)
    assert token is not None
    assert (token.tenant, token.role, token.user) == ("romashka", "user", "ivanov")
    assert Tokens(tmp_path / "tokens.json").find(value[:-1]) is None


def _only(document: dict[str, Any]) -> Any:
    return document["tenants"]["romashka"]["tokens"][0]


def test_a_last_day_is_taken_to_its_end_and_generations_differ(loaded: LoadedSource, secrets: Secrets) -> None:
    first, second = ApiToken("a", "admin", expires=date(2027, 6, 30)), ApiToken("a", "admin", generation=2)
    rows = [
        web.document(with_tokens(loaded, one), secrets)["tenants"]["romashka"]["tokens"][0] for one in (first, second)
    ]
    assert rows[0]["expires"] == 1814400000.0  # 2027-07-01T00:00:00Z
    assert rows[0]["sha256"] != rows[1]["sha256"]


def test_a_given_token_is_long_known_and_nobody_elses(loaded: LoadedSource) -> None:
    model = with_tokens(loaded, ApiToken("a", "admin", secret="api_a"), ApiToken("b", "admin", secret="api_b"))
    given = "g" * 32
    with pytest.raises(SecretError, match="fewer than 32 characters") as short:
        web.document(model, Secrets("k" * 40, {"api_a": "short"}))
    assert "api_tokens/b: pbx_secrets has no 'api_b'" in str(short.value)
    with pytest.raises(SecretError, match="the same token as romashka: api_tokens/a"):
        web.document(model, Secrets("k" * 40, {"api_a": given, "api_b": given}))
    found = web.document(model, Secrets("k" * 40, {"api_a": given, "api_b": "h" * 32}))
    assert found["tenants"]["romashka"]["tokens"][0]["sha256"] == hashlib.sha256(given.encode()).hexdigest()
    with pytest.raises(Unknown):
        token_of(model, Secrets("k" * 40), "nobody")


def test_the_process_listens_with_tls_or_for_a_proxy_of_its_host() -> None:
    kept = Path(__file__).parent / "golden" / "calls1.web.process.json"
    assert web.process(host(), [host()]) == json.loads(kept.read_text())
    plain = web.process(host(pbx_web_settings={"tls": False, "port": 8080}), [host()])
    assert (plain["listen"], plain["port"], plain["tls"]) == ("127.0.0.1", 8080, None)


@pytest.mark.parametrize(
    "one, why",
    [
        (host(("edges", "web")), "a host of the group web is one of the group calls as well"),
        (host(pbx_web_settings={"ports": 1}), "pbx_web_settings has no ports"),
    ],
)
def test_an_inventory_that_cannot_be_is_told(one: Host, why: str) -> None:
    with pytest.raises(InventoryError, match=why):
        web.process(one, [one])


def test_call_processes_of_other_hosts_are_asked_with_a_key(loaded: LoadedSource, hosts: list[Host]) -> None:
    """One key for both sides, made of the site key; where nobody asks another host there is neither key nor port."""
    second = host_of("calls2", ("calls",), {"sip_address": "10.77.0.23", "pbx_calls_instances": 2})
    others = [one for one in hosts if one.name != "calls1"]
    secrets = Secrets("k" * 40, {"trunk_mtt": "x" * 16, "trunk_ural": "x" * 16, "voicemail_ivanov": "7391"})
    compiled = compile_all(loaded.source, [*others, host(("calls", "media", "store", "web")), second], secrets)
    asking, asked, own = (compiled.of(*name) for name in (("calls1", "web"), ("calls2", "calls"), ("calls1", "calls")))
    assert asking is not None and asked is not None and own is not None
    assert asking.process is not None and asked.process is not None and own.process is not None
    assert asking.process["calls"] == [
        {"name": "calls1", "socket": "/run/pbx-calls/api.sock"},
        {"name": "calls2", "address": "10.77.0.23", "port": 5170},
        {"name": "calls2.2", "address": "10.77.0.23", "port": 5171},
    ]
    assert asking.secrets["api_key"] == asked.secrets["api_key"] and len(asked.secrets["api_key"]) == 64
    assert (asked.process["api_port"], "api_port" in own.process, "api_key" in own.secrets) == (5170, False, False)


def test_a_web_host_gets_its_document(loaded: LoadedSource, hosts: list[Host], secrets: Secrets) -> None:
    others = [one for one in hosts if one.name != "calls1"]
    compiled = compile_all(loaded.source, [*others, host(("calls", "media", "store", "web"))], secrets)
    one = compiled.of("calls1", "web")
    assert one is not None and set(one.secrets) == {"sound_key"}  # of the messages that it gives
    assert {token["id"] for token in one.document["tenants"]["romashka"]["tokens"]} >= {"console", "ivanov-app"}
