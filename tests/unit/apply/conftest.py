"""The example model compiled for the lab's hosts, with made-up secrets."""

import sys
from pathlib import Path

import pytest

from pbx.desired.compile import Compiled, compile_all
from pbx.desired.hosts import Host, host_of
from pbx.desired.secrets import Secrets
from pbx.desired.source import LoadedSource, load_source

sys.path.insert(0, str(Path(__file__).parent))
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def loaded() -> LoadedSource:
    return load_source(str(ROOT / "examples"))


@pytest.fixture(scope="session")
def hosts() -> list[Host]:
    """The hosts of inventory/lab, edge1 seen from outside at another address."""
    return [
        host_of("edge1", ["edges"], {"sip_address": "10.77.0.11", "public_address": "203.0.113.5"}),
        host_of("relay1", ["relays"], {"sip_address": "10.77.0.12"}),
        host_of("calls1", ["calls", "media", "store"], {"sip_address": "10.77.0.13"}),
    ]


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    return Secrets("k" * 40, {"trunk_mtt": "mtt-password-of-tests", "voicemail_ivanov": "7391"})


@pytest.fixture(scope="session")
def compiled(loaded: LoadedSource, hosts: list[Host], secrets: Secrets) -> Compiled:
    return compile_all(loaded.source, hosts, secrets)
