"""Boxes that are mailed or written down need hosts that have who does it (behaviour R12)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pbx.desired.compile import compile_all
from pbx.desired.digest import canonical
from pbx.desired.hosts import Host, InventoryError, host_of
from pbx.desired.secrets import Secrets
from pbx.desired.source import LoadedSource
from pbx.model import build

pytestmark = pytest.mark.row("R12")
COMMAND = {"command": ["/usr/local/bin/write-down", "--language", "{language}"], "within": 90}


def with_box(loaded: LoadedSource, **more: Any) -> LoadedSource:
    plain = json.loads(canonical(loaded.source.tenants["romashka"]))
    plain["voicemails"]["ivanov"].update(more)
    model = build.model(loaded.source.site, {"romashka": plain})
    tenants = {
        "romashka": replace(loaded.source.model.tenants["romashka"], services=model.tenants["romashka"].services)
    }
    source = replace(loaded.source, tenants={"romashka": plain}, model=replace(loaded.source.model, tenants=tenants))
    return replace(loaded, source=source)


def with_settings(hosts: list[Host], given: Any) -> list[Host]:
    variables = {"sip_address": "10.77.0.13", "pbx_transcription_settings": given}
    return [*hosts[:2], host_of("calls1", ["calls", "media", "store"], variables)]


def test_the_program_reaches_the_hosts(loaded: LoadedSource, hosts: list[Host], secrets: Secrets) -> None:
    asking = with_box(loaded, transcribe=True)
    with pytest.raises(InventoryError, match=r"voicemails/ivanov is to be written down, and host calls1 has no pbx_tr"):
        compile_all(asking.source, hosts, secrets)
    found = compile_all(asking.source, with_settings(hosts, COMMAND), secrets).of("calls1", "calls")
    assert found is not None and found.process is not None
    assert found.process["transcription"] == COMMAND


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "command is a list"),
        ({"command": "/bin/x"}, "command is a list"),
        ({"command": ["whisper"]}, "whisper is no whole path"),
        ({**COMMAND, "within": 600}, "within is 1 to 110"),
        ({**COMMAND, "model": "x"}, "has no model"),
    ],
)
def test_settings_that_are_wrong_are_refused(
    loaded: LoadedSource, hosts: list[Host], secrets: Secrets, given: Any, why: str
) -> None:
    with pytest.raises(InventoryError, match=why):
        compile_all(loaded.source, with_settings(hosts, given), secrets)


def test_a_box_that_is_mailed_needs_a_server(loaded: LoadedSource, hosts: list[Host], secrets: Secrets) -> None:
    with pytest.raises(InventoryError, match="voicemails/ivanov tells by e-mail, and host calls1 has no pbx_mail"):
        compile_all(with_box(loaded, email="notify").source, hosts, secrets)
