"""`pbx credentials`: who is found, and what is shown."""

from dataclasses import replace

import pytest

from pbx.desired.compile import Compiled
from pbx.desired.credentials import Unknown, credentials
from pbx.desired.hosts import Host
from pbx.desired.secrets import Secrets, ha1
from pbx.desired.source import LoadedSource


def test_what_is_typed_into_the_phone_is_what_the_edge_knows(
    loaded: LoadedSource, hosts: list[Host], secrets: Secrets, compiled: Compiled
) -> None:
    row = credentials(loaded.source.model, hosts, secrets, "ivanov")[0]
    assert (row.server, row.port, row.user, row.realm) == ("203.0.113.5", 5060, "ivanov-desk", "romashka.example")
    edge = compiled.of("edge1", "edge")
    assert edge is not None
    assert ha1(row.user, row.realm, row.password) == edge.secrets["ha1/ivanov-desk@romashka.example"]
    assert row.password in row.text()


def test_a_user_is_named_with_or_without_the_tenant(loaded: LoadedSource, hosts: list[Host], secrets: Secrets) -> None:
    model = loaded.source.model
    assert credentials(model, hosts, secrets, "romashka/petrova") == credentials(model, hosts, secrets, "petrova")
    with pytest.raises(Unknown, match="no user 'nobody'"):
        credentials(model, hosts, secrets, "nobody")
    twins = replace(model, tenants={**model.tenants, "twin": replace(model.tenants["romashka"], id="twin")})
    with pytest.raises(Unknown, match="romashka/ivanov, twin/ivanov"):
        credentials(twins, hosts, secrets, "ivanov")
