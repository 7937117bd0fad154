"""Trunks that want a REGISTER: added, changed and removed in a running edge, without the others noticing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils.kamailio_registrations import (
    ORDERS,
    Registration,
    running_rows,
    tell,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rows import RowChange
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import RpcError
from unit.edge.conftest import ADDRESSES, ROWS
from unit.edge.edge_under_test import CALLS, CARRIER, EDGE, EdgeUnderTest
from unit.edge.module_runs import lines, run, story
from unit.edge.sip_peers import Message, Peer, build, ha1, md5, reply
from unit.edge.test_edge_calls_out import SDP

pytestmark = pytest.mark.row("C01")

MODULE = "kamailio_registrations"
PASSWORD = "RQ7XN2MWK5TZ3HUB"
WITHIN = 15.0  # seconds; the edge looks every 5 s what is due


def trunk(name: str, port: int, **more: Any) -> dict[str, Any]:
    row = {
        "l_uuid": name, "l_username": "romashka", "l_domain": EDGE, "r_username": "romashka", "r_domain": CARRIER,
        "realm": "", "auth_username": "romashka", "auth_password": {"secret": f"trunk_{name}"}, "auth_ha1": "",
        "auth_proxy": f"sip:{CARRIER}:{port};transport=udp", "expires": 300, "flags": 0, "reg_delay": 0,
        "contact_addr": f"{EDGE}:5060", "socket": f"udp:{EDGE}:5060",
    }  # fmt: skip
    return {**row, **more}


@pytest.fixture(scope="module")
def own_edge() -> Iterator[EdgeUnderTest]:
    edge = EdgeUnderTest()
    try:
        edge.start()
        for table, rows in ROWS.items():
            edge.fill(table, rows)
        edge.addresses(ADDRESSES)
        yield edge
    finally:
        edge.close()


@pytest.fixture
def carriers(own_edge: EdgeUnderTest) -> Iterator[tuple[Peer, Peer]]:
    both = [Peer(own_edge.namespace, CARRIER, port, (EDGE, 5060)) for port in (5066, 5067)]
    yield both[0], both[1]
    for one in both:
        one.close()
    run(MODULE, **options(own_edge))


def registered(edge: EdgeUnderTest, name: str) -> bool:
    """Kamailio's own view: 4 is online."""
    flags = {one["l_uuid"]: one["flags"] for one in edge.rpc.dump("uac.reg_dump")}
    return bool(flags[name] & 4)


def wait_registered(edge: EdgeUnderTest, name: str) -> None:
    deadline = time.monotonic() + 5
    while not registered(edge, name):
        assert time.monotonic() < deadline, edge.rpc.dump("uac.reg_dump")
        time.sleep(0.05)


def options(edge: EdgeUnderTest, *rows: dict[str, Any], password: str = PASSWORD) -> dict[str, Any]:
    document = {"format": 1, "server": "edge1", "role": "edge", "registrations": list(rows)}
    secrets = {row["auth_password"]["secret"]: password for row in rows}
    return {"run_dir": str(edge.run_dir), "database": str(edge.database), "document": document, "secrets": secrets}


def answered(carrier: Peer) -> Message:
    """The carrier's part: a challenge, then 200 with the Contact; the REGISTER that was let in."""
    first = carrier.request("REGISTER", timeout=WITHIN)
    challenge = 'WWW-Authenticate: Digest realm="carrier", nonce="abc", algorithm=MD5'
    carrier.send(reply(first, 401, "Unauthorized", headers=(challenge,)))
    second = carrier.request("REGISTER", timeout=WITHIN)
    sent = dict(re.findall(r'(\w+)="?([^",]+)"?', second.need("Authorization")))
    of_uri = md5(f"REGISTER:{sent['uri']}")
    assert sent["response"] == md5(f"{ha1('romashka', 'carrier', PASSWORD)}:abc:{of_uri}")
    carrier.send(reply(second, 200, "OK", headers=(f"Contact: {second.need('Contact')};expires=300",)))
    return second


def test_a_trunk_registers_and_a_second_one_does_not_disturb_it(
    own_edge: EdgeUnderTest, carriers: tuple[Peer, Peer]
) -> None:
    first, second = trunk("mtt", 5066), trunk("romashka.own", 5067)
    done = story(MODULE, expected_change=True, **options(own_edge, first))
    assert lines(done) == ["create registration mtt running,stored"]
    assert PASSWORD not in str(done) and done["after"]["registration"]["mtt"]["auth_password"] == "(secret)"
    assert answered(carriers[0]).need("Contact") == f"<sip:mtt@{EDGE}:5060>"
    wait_registered(own_edge, "mtt")

    done = story(MODULE, expected_change=True, **options(own_edge, first, second))
    assert lines(done) == ["create registration romashka.own running,stored"]
    answered(carriers[1])
    wait_registered(own_edge, "romashka.own")
    assert registered(own_edge, "mtt") and carriers[0].silent(method="REGISTER"), "the other one goes on as it was"

    changed = options(own_edge, {**first, "expires": 600}, second)
    assert lines(run(MODULE, **changed, phase="contract")) == []
    done = story(MODULE, expected_change=True, **changed)
    assert lines(done) == ["update registration mtt expires,running,stored"]
    answered(carriers[0])

    assert run(MODULE, **options(own_edge, second), phase="expand")["surplus"] == 1
    done = story(MODULE, expected_change=True, **options(own_edge, second), phase="contract")
    assert lines(done) == ["delete registration mtt running,stored"]
    assert registered(own_edge, "romashka.own") and carriers[1].silent(method="REGISTER")


def test_what_is_gathered_and_fed_back_changes_nothing(own_edge: EdgeUnderTest, carriers: tuple[Peer, Peer]) -> None:
    row = trunk("mtt", 5066)
    story(MODULE, expected_change=True, **options(own_edge, row))
    base = {name: value for name, value in options(own_edge).items() if name in ("run_dir", "database")}
    found = run(MODULE, **base, state="gathered")
    assert found["gathered"] == {"registrations": [{**row, "auth_password": {"secret": "registration/mtt"}}]}
    assert PASSWORD not in str(found)
    head = {"format": 1, "server": "edge1", "role": "edge"}
    assert run(MODULE, **base, document={**head, **found["gathered"]})["changed"] is False
    assert run(MODULE, **options(own_edge), state="merged")["changed"] is False
    done = run(MODULE, check=True, **options(own_edge, row, password="another-one-of-16"))
    assert lines(done) == ["update registration mtt auth_password,running,stored"]
    assert done["before"]["registration"]["mtt"]["auth_password"] == "(secret changed)"
    assert "another-one-of-16" not in str(done) and PASSWORD not in str(done)
    own_edge.rpc.call("uac.reg_remove", "mtt")  # by hand
    done = story(MODULE, expected_change=True, **options(own_edge, row))
    assert lines(done) == ["update registration mtt running"]
    deleted = story(MODULE, expected_change=True, **options(own_edge, row), state="deleted")
    assert lines(deleted) == ["delete registration mtt running,stored"]


def test_after_a_restart_it_registers_again(own_edge: EdgeUnderTest, carriers: tuple[Peer, Peer]) -> None:
    story(MODULE, expected_change=True, **options(own_edge, trunk("mtt", 5066)))
    answered(carriers[0])
    own_edge.stop()
    own_edge.start()
    answered(carriers[0])
    wait_registered(own_edge, "mtt")
    assert run(MODULE, **options(own_edge, trunk("mtt", 5066)))["changed"] is False


def test_a_reload_is_refused_the_second_time_and_never_sent(own_edge: EdgeUnderTest) -> None:
    own_edge.rpc.call("uac.reg_reload")
    with pytest.raises(RpcError, match=r"uac\.reg_reload"):
        own_edge.rpc.call("uac.reg_reload")
    utils = Path(__file__).resolve().parents[3] / "module_utils"
    assert not [path.name for path in utils.glob("*.py") if '"uac.reg_reload"' in path.read_text()]


def test_a_call_to_our_contact_is_for_the_number_in_to(own_edge: EdgeUnderTest, carriers: tuple[Peer, Peer]) -> None:
    process = Peer(own_edge.namespace, CALLS, 0, (EDGE, 5080))
    own_edge.fill("owner", {"romashka": f"sip:{CALLS}:{process.port}"})
    own_edge.fill("domain", ROWS["domain"])
    own_edge.fill("did", ROWS["did"])
    to = f"<sip:74951000100@{CARRIER}>"
    contact = (f"Contact: <sip:{CARRIER}:5066>",)
    uri = f"sip:mtt@{EDGE}:5060"
    carriers[0].send(build("INVITE", uri, carriers[0], from_="<sip:1@x>;tag=c", to=to, headers=contact, body=SDP))
    assert process.request("INVITE").uri.startswith("sip:74951000100@")
    process.close()


def test_the_order_of_the_last_two_values_is_read_back(own_edge: EdgeUnderTest, carriers: tuple[Peer, Peer]) -> None:
    """The manual says contact address, then socket; 5.6.3 takes them the other way round."""
    row = Registration(**{**trunk("mtt", 5066), "auth_password": PASSWORD})
    tell(own_edge.rpc, [RowChange("mtt", row, None, None, ("running",))], ORDERS[1:])
    swapped = (running_rows(own_edge.rpc) or {})["mtt"]
    assert (swapped.contact_addr, swapped.socket) == (row.socket, row.contact_addr)
    tell(own_edge.rpc, [RowChange("mtt", row, swapped, None, ("running",))], ORDERS[::-1])
    assert running_rows(own_edge.rpc) == {"mtt": row}
