"""Who is registered, as the edge says it at that moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from web.place import Web

pytestmark = pytest.mark.row("R05")


@pytest.fixture
def registered(served: Web) -> Web:
    served.edge.registered = {
        "anna-desk@house.example": "udp/ 3600 10 590",
        "boris-desk@house.example": "tls/ws 70 20 40",
        "anna-desk@other.example": "tcp/ 1 1 60",
    }
    return served


def test_each_device_is_told_with_its_edge_transport_and_times(registered: Web) -> None:
    with registered.client() as client:
        found = client.get("/registrations").json()
    assert found["edges_silent"] == []
    rows = {(one["user"], one["device"]): one for one in found["registrations"]}
    assert set(rows) == {("anna", "desk"), ("boris", "desk")}
    anna = rows["anna", "desk"]
    now = datetime.now(UTC)
    assert (anna["edge"], anna["transport"], rows["boris", "desk"]["transport"]) == ("edge1", "udp", "wss")
    times = {name: datetime.fromisoformat(anna[name]) - now for name in ("since", "refreshed", "expires")}
    for name, seconds in (("since", -3600), ("refreshed", -10), ("expires", 590)):
        assert abs(times[name] - timedelta(seconds=seconds)) < timedelta(seconds=10)


def test_a_tenant_sees_its_own_and_a_person_is_chosen(registered: Web) -> None:
    with registered.client("other") as client:
        assert [one["transport"] for one in client.get("/registrations").json()["registrations"]] == ["tcp"]
        assert client.get("/registrations", params={"user": "boris"}).json()["registrations"] == []
        assert client.get("/registrations", params={"user": "nobody"}).status_code == 404


def test_a_token_of_one_person_tells_of_that_person(registered: Web) -> None:
    with registered.client(role="user") as client:
        assert [one["user"] for one in client.get("/registrations").json()["registrations"]] == ["anna"]
        assert client.get("/registrations", params={"user": "boris"}).status_code == 403


def test_an_edge_that_does_not_tell_is_named(registered: Web) -> None:
    answer, registered.edge.reply = registered.edge.reply, lambda *_, **__: None  # type: ignore[method-assign]
    try:
        with registered.client() as client:
            found = client.get("/registrations").json()
    finally:
        registered.edge.reply = answer  # type: ignore[method-assign]
    assert found == {"registrations": [], "edges_silent": ["edge1"]}
