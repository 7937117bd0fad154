"""Requests of a call process at a real edge: to registered devices and named trunks, nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.edge.conftest import DOMAIN, PASSWORDS
from unit.edge.edge_under_test import CARRIER, EDGE, PHONE, STRANGER, EdgeUnderTest
from unit.edge.sip_peers import Message, Peer, build, reply
from unit.edge.test_edge_calls_out import CONTACT, SDP, acknowledge
from unit.edge.test_edge_registrar import register

PeerMaker = Callable[..., Peer]
USER = "ivanov-desk"
AOR = f"sip:{USER}@{DOMAIN}"


def call(process: Peer, uri: str, *, headers: tuple[str, ...] = (), body: str = SDP, method: str = "INVITE") -> None:
    process.send(
        build(
            method,
            uri,
            process,
            from_=f"<sip:201@{DOMAIN}>;tag=b2b",
            to=f"<{uri}>",
            headers=(CONTACT, *headers),
            body=body,
        )
    )


def registered(peer: PeerMaker, transport: str = "udp") -> Peer:
    phone = peer(PHONE, transport=transport)
    assert register(phone, USER, PASSWORDS[USER])[1].status == 200
    return phone


def next_in_dialog(method: str, process: Peer, invite: Message, answer: Message) -> str:
    """A request of the caller's side: Route set and target from the answer."""
    target = answer.need("Contact").strip("<>")
    routes = tuple(f"Route: {value}" for value in reversed(answer.all("Record-Route")))
    return build(
        method,
        target,
        process,
        from_=answer.need("From"),
        to=answer.need("To"),
        call_id=answer.need("Call-ID"),
        cseq=2 if method != "ACK" else 1,
        headers=routes,
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_registered_device_rings_and_the_dialog_holds(
    edge: EdgeUnderTest, calls: Peer, peer: PeerMaker, transport: str
) -> None:
    phone = registered(peer, transport)
    call(calls, AOR)
    ringing = phone.request("INVITE")
    assert ringing.uri.startswith(f"sip:{USER}@{PHONE}:{phone.port}")
    # a contact that lies, as behind NAT: the alias leads back to where the phone speaks from
    phone.send(reply(ringing, 200, "OK", headers=(f"Contact: <sip:{USER}@192.168.0.7:5060>",), body=SDP))
    answer = calls.final()
    assert "alias=" in answer.need("Contact")
    calls.send(next_in_dialog("ACK", calls, ringing, answer))
    phone.request("ACK")
    # the phone hangs up: to the token of our Contact
    bye = build(
        "BYE", f"sip:0123456789ab@{EDGE}:5060", phone, from_=answer.need("To"), to=answer.need("From"),
        call_id=answer.need("Call-ID"), headers=tuple(f"Route: {value}" for value in ringing.all("Record-Route")),
    )  # fmt: skip
    phone.send(bye)
    ended = calls.request("BYE")
    calls.send(reply(ended, 200, "OK"))
    assert phone.final().status == 200


def test_hang_up_by_the_call_process(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = registered(peer)
    call(calls, AOR)
    ringing = phone.request("INVITE")
    phone.send(reply(ringing, 200, "OK", headers=(f"Contact: {phone.contact(USER)}",), body=SDP))
    answer = calls.final()
    calls.send(next_in_dialog("BYE", calls, ringing, answer))
    ended = phone.request("BYE")
    assert ended.all("Route") == []
    phone.send(reply(ended, 200, "OK"))
    assert calls.final().status == 200


def test_cancel_reaches_the_device(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = registered(peer)
    call(calls, AOR)
    ringing = phone.request("INVITE")
    phone.send(reply(ringing, 180, "Ringing", headers=(f"Contact: {phone.contact(USER)}",)))
    progress = calls.receive(lambda message: message.status == 180)
    calls.send(
        build(
            "CANCEL",
            AOR,
            calls,
            from_=progress.need("From"),
            to=f"<{AOR}>",
            call_id=progress.need("Call-ID"),
            via=progress.need("Via"),
            headers=('Reason: SIP;cause=200;text="Call completed elsewhere"',),
        )
    )
    cancel = phone.request("CANCEL")
    assert cancel.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    phone.send(reply(cancel, 200, "OK"))
    phone.send(reply(ringing, 487, "Request Terminated"))
    refused = calls.receive(lambda message: message.status == 487)
    calls.send(acknowledge(refused, calls, AOR))
    phone.request("ACK")


def test_a_device_that_is_not_registered_is_404(edge: EdgeUnderTest, calls: Peer) -> None:
    call(calls, f"sip:petrova-desk@{DOMAIN}")
    assert calls.final().status == 404


def test_a_registered_device_that_is_gone_is_408(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    registered(peer).close()
    call(calls, AOR)
    assert calls.final(4.0).status in (408, 477, 480)


def test_a_closed_connection_is_told_at_once(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    registered(peer, "tcp").close()
    call(calls, AOR)
    assert calls.final(1.0).status in (404, 480)


def test_a_trunk_is_called_by_its_name(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    carrier = peer(CARRIER, 5060)
    call(calls, "sip:+74951234567@mtt.example", headers=("X-PBX-Trunk: mtt", "X-PBX-Tenant: romashka"))
    got = carrier.request("INVITE")
    assert got.uri == "sip:+74951234567@mtt.example"
    assert "X-PBX" not in got.text
    assert got.source == (EDGE, 5060)
    carrier.send(reply(got, 200, "OK", headers=(f"Contact: {carrier.contact('c')}",), body=SDP))
    answer = calls.final()
    calls.send(next_in_dialog("ACK", calls, got, answer))
    carrier.request("ACK")
    calls.send(next_in_dialog("BYE", calls, got, answer))
    carrier.send(reply(carrier.request("BYE"), 200, "OK"))
    assert calls.final().need("CSeq") == "2 BYE"


@pytest.mark.row("R07")
def test_a_trunk_over_tcp_is_connected_to(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    carrier = peer(CARRIER, 5064, "tcp-server")
    call(calls, "sip:+74951234567@tcp.example", headers=("X-PBX-Trunk: tcp",))
    got = carrier.request("INVITE")
    carrier.send(reply(got, 486, "Busy Here"))
    assert calls.final().status == 486


@pytest.mark.row("R07")
def test_a_trunk_that_cannot_be_connected_to_is_503(edge: EdgeUnderTest, calls: Peer) -> None:
    call(calls, "sip:+74951234567@shut.example", headers=("X-PBX-Trunk: shut",))
    assert calls.final().status in (503, 408)


@pytest.mark.row("R07")
def test_a_trunk_is_asked_whether_it_is_there(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    carrier = peer(CARRIER, 5060)
    call(calls, "sip:ping@mtt.example", method="OPTIONS", body="", headers=("X-PBX-Trunk: mtt",))
    got = carrier.request("OPTIONS")
    assert got.uri == "sip:ping@mtt.example" and "X-PBX" not in got.text
    carrier.send(reply(got, 404, "Not Found"))
    assert calls.final().status == 404


def test_an_unknown_trunk_is_403(edge: EdgeUnderTest, calls: Peer) -> None:
    call(calls, "sip:+74951234567@mtt.example", headers=("X-PBX-Trunk: ural",))
    assert calls.final().status == 403


def test_nowhere_else(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    elsewhere = peer(STRANGER, 5060)
    call(calls, f"sip:202@{STRANGER}:5060")
    assert calls.final().status == 403
    call(calls, f"sip:202@{STRANGER}:5060", headers=(f"Route: <sip:{STRANGER}:5060;lr>",))
    assert calls.final().status == 403
    assert elsewhere.silent()


def test_a_call_between_two_devices_through_the_process(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    """The process may call the very device over TCP when the offer is long."""
    phone = registered(peer)
    over_tcp = peer(calls.address, transport="tcp", inside=True)
    body = SDP + "a=x:" + "y" * 4096 + "\r\n"
    call(over_tcp, AOR, body=body)
    ringing: Any = phone.request("INVITE")
    assert ringing.body == body
    phone.send(reply(ringing, 200, "OK", headers=(f"Contact: {phone.contact(USER)}",), body=body))
    assert over_tcp.final().body == body


def test_options_of_the_call_process(edge: EdgeUnderTest, calls: Peer) -> None:
    call(calls, f"sip:{EDGE}:5080", method="OPTIONS", body="")
    assert calls.final().status == 200
