"""A process that took over a dead one's tenants tells the edge so: whom the edge asks then, and whom it believes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from unit.edge.conftest import ADDRESSES, DOMAIN
from unit.edge.edge_under_test import CALLS_2, CARRIER, EDGE, PHONE, STRANGER, EdgeUnderTest
from unit.edge.sip_peers import Peer, build, reply
from unit.edge.test_edge_calls_in import CONTACT
from unit.edge.test_edge_calls_out import SDP, invite

PeerMaker = Callable[..., Peer]
pytestmark = pytest.mark.row("R33")


@pytest.fixture
def heir(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> Iterator[Peer]:
    """Another call process."""
    edge.addresses(f"{ADDRESSES}2 {CALLS_2} 32 0 calls2\n")
    yield peer(CALLS_2, inside=True)
    for table in ("holder", "epoch"):
        edge.rpc.call("htable.flush", table)


def says(process: Peer, what: str) -> int:
    """The status of the OPTIONS in which a process says that it has a lease."""
    uri = f"sip:{EDGE}:5080"
    headers = (f"X-PBX-Holder: {what}",)
    process.send(build("OPTIONS", uri, process, from_="<sip:calls>;tag=x", to=f"<{uri}>", headers=headers))
    return process.final().status


def test_new_calls_go_to_who_has_the_lease(edge: EdgeUnderTest, calls: Peer, heir: Peer, peer: PeerMaker) -> None:
    assert says(heir, "romashka 7") == 200
    invite(peer(PHONE), "202")
    assert heir.request("INVITE").need("X-PBX-Tenant") == "romashka"
    assert calls.silent()
    assert says(calls, "romashka 8") == 200  # it came home
    invite(peer(PHONE), "202")
    assert calls.request("INVITE").need("X-PBX-Tenant") == "romashka"


def test_requests_of_a_call_that_is_up_go_there_too(
    edge: EdgeUnderTest, calls: Peer, heir: Peer, peer: PeerMaker
) -> None:
    says(heir, "romashka 7")
    phone = peer(PHONE)
    uri = f"sip:0123456789ab@{EDGE}:5060"
    phone.send(build("BYE", uri, phone, from_=f"<sip:201@{DOMAIN}>;tag=a", to=f"<sip:202@{DOMAIN}>;tag=b", cseq=3))
    bye = heir.request("BYE")
    heir.send(reply(bye, 200, "OK"))
    assert phone.final().status == 200


def test_a_bye_that_the_dead_one_does_not_answer_reaches_the_other(
    edge: EdgeUnderTest, calls: Peer, heir: Peer, peer: PeerMaker
) -> None:
    phone = peer(PHONE)
    uri = f"sip:0123456789ab@{EDGE}:5060"
    phone.send(build("BYE", uri, phone, from_=f"<sip:201@{DOMAIN}>;tag=a", to=f"<sip:202@{DOMAIN}>;tag=b", cseq=3))
    calls.request("BYE")
    says(heir, "romashka 7")
    bye = heir.request("BYE")
    heir.send(reply(bye, 200, "OK"))
    assert phone.final().status == 200


def test_a_call_under_way_reaches_the_other(edge: EdgeUnderTest, calls: Peer, heir: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    call = invite(phone, "202")
    calls.request("INVITE")
    says(heir, "romashka 7")
    again = heir.receive(lambda message: message.method == "INVITE" and message.need("Call-ID") == call)
    heir.send(reply(again, 200, "OK", headers=(CONTACT,), body=SDP))
    assert phone.final().status == 200


def test_an_older_lease_changes_nothing(edge: EdgeUnderTest, calls: Peer, heir: Peer, peer: PeerMaker) -> None:
    says(calls, "romashka 8")
    says(heir, "romashka 7")
    invite(peer(PHONE), "202")
    assert calls.request("INVITE").need("X-PBX-Tenant") == "romashka"
    assert heir.silent()


@pytest.mark.parametrize("what", ["nobody 9", "romashka", "romashka x", "", "romashka -1"])
def test_what_makes_no_sense_changes_nothing(
    edge: EdgeUnderTest, calls: Peer, heir: Peer, peer: PeerMaker, what: str
) -> None:
    assert says(heir, what) == 200
    invite(peer(PHONE), "202")
    assert calls.request("INVITE").need("X-PBX-Tenant") == "romashka"
    assert heir.silent()


def test_nobody_else_can_say_so(edge: EdgeUnderTest, calls: Peer, heir: Peer, peer: PeerMaker) -> None:
    for address in (STRANGER, CARRIER, PHONE):
        uri = f"sip:{EDGE}:5060"
        who = peer(address)
        headers = ("X-PBX-Holder: romashka 99",)
        who.send(build("OPTIONS", uri, who, from_="<sip:calls>;tag=x", to=f"<{uri}>", headers=headers))
        assert who.final().status == 200
    invite(peer(PHONE), "202")
    assert calls.request("INVITE").need("X-PBX-Tenant") == "romashka"
