"""A call process asks the edge who is registered there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.edge.conftest import DOMAIN, PASSWORDS
from unit.edge.edge_under_test import EDGE, PHONE, STRANGER, EdgeUnderTest
from unit.edge.sip_peers import Message, Peer, build
from unit.edge.test_edge_registrar import register

PeerMaker = Callable[..., Peer]
pytestmark = pytest.mark.row("R05")


def asked(process: Peer, *devices: str) -> Message:
    uri = f"sip:{EDGE}:5080"
    headers = (f"X-PBX-Registered: {' '.join(f'{one}@{DOMAIN}' for one in devices)}",)
    process.send(build("OPTIONS", uri, process, from_="<sip:calls>;tag=x", to=f"<{uri}>", headers=headers))
    return process.final()


def contacts(answer: Message) -> list[list[str]]:
    lines = answer.text.split("\r\n")
    return [line.partition(": ")[2].split() for line in lines if line.startswith("X-PBX-Contact: ")]


def test_each_device_that_is_registered_is_told_with_its_times(
    edge: EdgeUnderTest, calls: Peer, peer: PeerMaker
) -> None:
    phone = peer(PHONE)
    register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"])
    answer = asked(calls, "nobody-desk", "ivanov-desk", "petrova-desk")
    assert (answer.status, answer.need("X-PBX-Edge")) == (200, "edge1")
    (told,) = contacts(answer)
    assert told[:2] == [f"ivanov-desk@{DOMAIN}", "udp/"]
    since, refreshed, valid = map(int, told[2:])
    assert 0 <= refreshed <= since and 580 <= valid <= 600
    register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"], expires=0, cseq=3)
    assert contacts(asked(calls, "ivanov-desk")) == []


def test_a_device_that_comes_back_is_there_since_then(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    edge.rpc.call("htable.seti", "since", f"ivanov-desk@{DOMAIN}", 1_700_000_000)  # long ago
    register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"])
    assert int(contacts(asked(calls, "ivanov-desk"))[0][2]) > 10_000_000
    register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"], expires=0, cseq=3)
    register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"], cseq=5)
    assert int(contacts(asked(calls, "ivanov-desk"))[0][2]) < 10_000_000
    register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"], expires=0, cseq=7)


def test_a_stranger_is_not_told(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    stranger = peer(STRANGER, inside=True)
    uri = f"sip:{EDGE}:5080"
    headers = (f"X-PBX-Registered: ivanov-desk@{DOMAIN}",)
    stranger.send(build("OPTIONS", uri, stranger, from_="<sip:x>;tag=x", to=f"<{uri}>", headers=headers))
    assert stranger.silent()
