"""What strangers try on an edge: floods, captured answers, broken messages."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from unit.edge.conftest import ADDRESSES, DOMAIN, PASSWORDS, ROWS
from unit.edge.edge_under_test import CALLS, CARRIER, EDGE, OFFICE, PHONE, PHONE_2, STRANGER, EdgeUnderTest
from unit.edge.sip_peers import Peer, authorization, build, ha1
from unit.edge.test_edge_calls_out import acknowledge, invite
from unit.edge.test_edge_registrar import register

PeerMaker = Callable[..., Peer]
USER = "ivanov-desk"


@pytest.fixture(scope="module")
def guarded_edge() -> Iterator[EdgeUnderTest]:
    """An edge that takes 30 requests of one address within 2 seconds."""
    edge = EdgeUnderTest(pike_density=30)
    try:
        edge.start()
        for table, rows in ROWS.items():
            edge.fill(table, rows)
        edge.addresses(f"{ADDRESSES}3 {OFFICE} 32 0 office\n")
        yield edge
    finally:
        edge.close()


def answered(edge: EdgeUnderTest, address: str, requests: int = 120) -> int:
    """How many of that many OPTIONS at once are answered."""
    sender = Peer(edge.namespace, address, 5060, (EDGE, 5060))
    for _ in range(requests):
        sender.send(build("OPTIONS", f"sip:{EDGE}", sender, from_="<sip:a@b>;tag=1", to="<sip:c@d>"))
    count = 0
    while not sender.silent(0.3):
        count += 1
    sender.close()
    return count


def test_a_flood_is_cut_and_others_are_served(guarded_edge: EdgeUnderTest) -> None:
    assert answered(guarded_edge, STRANGER) < 60
    phone = Peer(guarded_edge.namespace, PHONE, 0, (EDGE, 5060))
    assert register(phone, USER, PASSWORDS[USER])[1].status == 200
    phone.close()


@pytest.mark.parametrize("address", [CARRIER, OFFICE])
def test_trunks_and_known_offices_are_not_cut(guarded_edge: EdgeUnderTest, address: str) -> None:
    assert answered(guarded_edge, address) == 120


def test_an_emergency_call_gets_through_a_flood_of_its_own_address(guarded_edge: EdgeUnderTest) -> None:
    process = Peer(guarded_edge.namespace, CALLS, 0, (EDGE, 5080))
    guarded_edge.fill("owner", {"romashka": f"sip:{CALLS}:{process.port}"})
    answered(guarded_edge, PHONE_2)
    phone = Peer(guarded_edge.namespace, PHONE_2, 0, (EDGE, 5060))
    invite(phone, "112")
    assert process.request("INVITE").all("X-PBX-Emergency") == ["1"]
    for one in (phone, process):
        one.close()


def test_a_captured_answer_serves_nobody_else(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    """The nonce is bound to the source address and the number: no replay from elsewhere, none to elsewhere."""
    phone, thief = peer(PHONE), peer(STRANGER)
    invite(phone, "202", auth=False)
    challenge = phone.final()
    phone.send(acknowledge(challenge, phone, f"sip:202@{DOMAIN}"))
    secret = ha1(USER, DOMAIN, PASSWORDS[USER])
    captured = authorization(challenge, user=USER, secret_ha1=secret, method="INVITE", uri=f"sip:202@{DOMAIN}")
    invite(thief, "202", headers=(captured,), auth=False)
    assert thief.final().status == 407
    invite(phone, "79031234567", headers=(captured,), auth=False, cseq=10)
    assert phone.final().status == 407
    assert calls.silent(0.1, method="INVITE")
    with pytest.raises(Exception, match="doesn't exist"):
        edge.rpc.call("htable.get", "authfail", STRANGER)


def test_a_call_to_nobody_is_484(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    invite(phone, "", uri=f"sip:{DOMAIN}")
    assert phone.final().status == 484


def test_broken_messages_harm_nobody(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    """Mutations of an INVITE and a REGISTER: the edge goes on and none of its processes died."""
    rng, phone, witness = random.Random(7), peer(STRANGER), peer(PHONE_2)
    seeds = [
        build(method, f"sip:{DOMAIN}", phone, from_=f"<sip:a@{DOMAIN}>;tag=1", to=f"<sip:a@{DOMAIN}>",
              headers=("Contact: <sip:a@1.2.3.4>", "Route: <sip:x;lr>", "X-PBX-Trunk: mtt"))
        for method in ("INVITE", "REGISTER")
    ]  # fmt: skip
    for number in range(1500):
        text = bytearray(rng.choice(seeds).encode())
        for _ in range(rng.randint(1, 8)):
            place = rng.randrange(len(text))
            rng.choice([_drop, _change, _double])(text, place, rng)
        phone.sock.sendto(bytes(text), phone.edge)
        if number % 25 == 0:  # not faster than it reads
            witness.send(build("OPTIONS", f"sip:{EDGE}", witness, from_="<sip:a@b>;tag=1", to="<sip:c@d>"))
            assert witness.final().status == 200
    assert edge.process is not None
    assert edge.process.poll() is None
    assert register(peer(PHONE), USER, PASSWORDS[USER])[1].status == 200


def _drop(text: bytearray, place: int, rng: random.Random) -> None:
    del text[place : place + rng.randint(1, 20)]
    text += b" "


def _change(text: bytearray, place: int, rng: random.Random) -> None:
    text[place] = rng.randrange(256)


def _double(text: bytearray, place: int, rng: random.Random) -> None:
    text[place:place] = text[place : place + rng.randint(1, 200)]


def test_the_name_of_a_device_is_told_as_the_model_writes_it(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone, uri = peer(PHONE), f"sip:202@{DOMAIN}"
    common: dict[str, Any] = {"from_": f"<sip:IVANOV-desk@{DOMAIN}>;tag=1", "to": f"<{uri}>", "call_id": "upper"}
    contact = f"Contact: {phone.contact(USER)}"
    phone.send(build("INVITE", uri, phone, headers=(contact,), **common))
    secret = ha1(USER, DOMAIN, PASSWORDS[USER])
    answer = authorization(phone.final(), user="IVANOV-desk", secret_ha1=secret, method="INVITE", uri=uri)
    phone.send(build("INVITE", uri, phone, cseq=2, headers=(contact, answer), **common))
    assert calls.request("INVITE").all("X-PBX-Source") == [f"device {USER}"]
