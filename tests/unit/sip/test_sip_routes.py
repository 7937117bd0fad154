"""Where requests and responses go: route sets, Via with rport, large requests over TCP (RFC 3261 §12, §18, 3581)."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import ALICE, ANSWER, BOB, CAROL, OFFER, Network, Phone, Wire, answer_to, pair

from pbx.sip import Address

EDGE_ROUTES = (
    "Record-Route: <sip:192.0.2.3:5080;r2=on;lr;ftag=1>, <sip:192.0.2.3:5060;r2=on;lr;ftag=1>\r\n"
    "Record-Route: <sip:203.0.113.9;lr>\r\n"
)


def invite_of_edge(via: str, *, routes: str = EDGE_ROUTES) -> bytes:
    return (
        f"INVITE sip:202@romashka.example SIP/2.0\r\nVia: {via}\r\n{routes}"
        "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKphone\r\nMax-Forwards: 68\r\n"
        "From: <sip:201@romashka.example>;tag=a\r\nTo: <sip:202@romashka.example>\r\nCall-ID: r@x\r\nCSeq: 7 INVITE\r\n"
        "Contact: <sip:201@203.0.113.66:5062>\r\nX-PBX-Tenant: romashka\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_in_dialog_requests_of_a_uas_follow_the_record_route() -> None:
    network = Network()
    bob, edge = Phone(network, BOB), Wire(network, CAROL)
    bob.on_call = lambda session: session.accept(OFFER)
    network.inject(invite_of_edge("SIP/2.0/UDP 192.0.2.3:5080;branch=z9hG4bKe;rport"), CAROL, BOB)
    network.run(0.1)
    inside = Wire(network, Address("udp", "192.0.2.3", 5080))
    ok = edge.take("SIP/2.0 200")[0].decode()
    assert ok.count("Record-Route: ") == 2 and ok.count("\r\nVia: ") == 2
    assert ok.index("branch=z9hG4bKe") < ok.index("branch=z9hG4bKphone")
    assert "Via: SIP/2.0/UDP 192.0.2.3:5080;branch=z9hG4bKe;rport=5060;received=192.0.2.3\r\n" in ok
    assert bob.sessions[0].request is not None
    assert bob.sessions[0].request.get("x-pbx-tenant") == "romashka"
    ack = ok.replace("SIP/2.0 200 OK", "ACK sip:token@192.0.2.2:5060 SIP/2.0").replace("CSeq: 7 INVITE", "CSeq: 7 ACK")
    network.inject(ack.encode(), CAROL, BOB)
    network.run(0.1)
    assert bob.names == ["agreed", "confirmed"]
    bob.sessions[0].bye()
    network.run(0.1)
    bye = inside.take("BYE")[0].decode()
    assert bye.startswith("BYE sip:201@203.0.113.66:5062 SIP/2.0\r\n")
    routes = [line for line in bye.split("\r\n") if line.startswith("Route: ")]
    assert routes == [
        "Route: <sip:192.0.2.3:5080;r2=on;lr;ftag=1>",
        "Route: <sip:192.0.2.3:5060;r2=on;lr;ftag=1>",
        "Route: <sip:203.0.113.9;lr>",
    ]


def test_uac_reverses_the_record_route_and_follows_its_transport() -> None:
    network = Network()
    alice, wire = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB)
    network.run(0.1)
    lines = ("Contact: <sip:x@203.0.113.1>", "Record-Route: <sip:203.0.113.9;lr>,<sip:192.0.2.2:5080;transport=tcp;lr>")
    wire.send(answer_to(wire.take("INVITE")[0], 200, "b", *lines, body=ANSWER), ALICE)
    network.run(0.1)
    assert session.dialog.route_set == ("<sip:192.0.2.2:5080;transport=tcp;lr>", "<sip:203.0.113.9;lr>")
    assert session.dialog.destination == Address("tcp", "192.0.2.2", 5080)
    [(_, _, destination, ack)] = [entry for entry in network.log if entry[3].startswith(b"ACK")]
    assert destination == Address("tcp", "192.0.2.2", 5080)
    assert b"\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=" in ack


def test_strict_router() -> None:
    network = Network()
    alice, wire = Phone(network, ALICE), Wire(network, BOB)
    alice.call(BOB)
    network.run(0.1)
    lines = ("Contact: <sip:x@203.0.113.1>", "Record-Route: <sip:192.0.2.9;lr>, <sip:192.0.2.2>")
    wire.send(answer_to(wire.take("INVITE")[0], 200, "b", *lines, body=ANSWER), ALICE)
    network.run(0.1)
    ack = wire.take("ACK")[0].decode()
    assert ack.startswith("ACK sip:192.0.2.2 SIP/2.0\r\n")
    assert ack.index("Route: <sip:192.0.2.9;lr>") < ack.index("Route: <sip:x@203.0.113.1>")


@pytest.mark.parametrize(
    ("via", "port", "filled"),
    [
        ("SIP/2.0/UDP 192.0.2.3:5080;branch=z9hG4bKe;rport", 6000, ";rport=6000;received=192.0.2.3"),
        ("SIP/2.0/UDP 192.0.2.3:5080;rport;branch=z9hG4bKe", 6000, ";rport=6000;branch=z9hG4bKe;received=192.0.2.3"),
        ("SIP/2.0/UDP 192.0.2.3:5080;branch=z9hG4bKe", 5080, ";branch=z9hG4bKe\r\n"),
        ("SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKe", 5060, ";branch=z9hG4bKe\r\n"),
        ("SIP/2.0/UDP edge.example:5080;branch=z9hG4bKe", 5080, ";branch=z9hG4bKe;received=192.0.2.3"),
    ],
)
def test_responses_go_back_by_the_via(via: str, port: int, filled: str) -> None:
    network = Network()
    bob = Phone(network, BOB)
    bob.on_call = lambda session: session.provisional(180)
    wire = Wire(network, Address("udp", "192.0.2.3", port))
    network.inject(invite_of_edge(via), Address("udp", "192.0.2.3", 6000), BOB)
    network.run(0.1)
    [ringing] = wire.take("SIP/2.0 180")
    assert filled in ringing.decode()


def test_large_invite_goes_by_tcp_and_so_do_its_cancel_and_ack() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(180)
    session = alice.call(BOB, sdp=OFFER + b"a=x:" + b"y" * 1300 + b"\r\n")
    network.run(0.1)
    session.cancel()
    network.run(1)
    assert alice.events == [("progressed", 180, None), ("failed", 487)]
    sent = [(destination, data) for _, source, destination, data in network.log if source.host == ALICE.host]
    assert {destination.transport for destination, _ in sent} == {"tcp"}
    assert all(b"\r\nVia: SIP/2.0/TCP " in data for _, data in sent)
    assert network.sent("INVITE") == 1
    assert bob.sessions[0].source.transport == "tcp"
    network.assert_nothing_left()


def test_large_invite_falls_back_to_udp_where_tcp_is_refused() -> None:
    network = Network()
    alice, _ = pair(network)
    network.filter = lambda data, source, destination: [data] if destination.transport == "udp" else []
    session = alice.call(BOB, sdp=OFFER + b"a=x:" + b"y" * 1300 + b"\r\n")
    network.run(0.1)
    alice.stack.unreachable(BOB._replace(transport="tcp"))
    network.run(1)
    assert alice.events == [("answered", 200, ANSWER)]
    assert b"\r\nVia: SIP/2.0/UDP " in next(data for *_, data in network.log if data.startswith(b"INVITE"))
    session.bye()
    network.assert_nothing_left()


def test_refused_tcp_fails_the_call_at_once() -> None:
    network = Network()
    alice = Phone(network, ALICE)
    alice.call(BOB._replace(transport="tcp"))
    network.run(0.1)
    alice.stack.unreachable(BOB._replace(transport="tcp"))
    assert alice.events == [("failed", 503)]
    network.assert_nothing_left()


def test_answer_to_a_closed_connection_goes_to_the_sent_by_port() -> None:
    network = Network()
    bob = Phone(network, BOB)
    bob.on_call = lambda session: session.provisional(180)
    old, new = Wire(network, Address("tcp", "192.0.2.3", 40000)), Wire(network, Address("tcp", "192.0.2.3", 5080))
    network.inject(invite_of_edge("SIP/2.0/TCP 192.0.2.3:5080;branch=z9hG4bKe;rport"), old.local, BOB)
    network.run(0.1)
    assert len(old.take("SIP/2.0 180")) == 1
    bob.stack.unreachable(old.local)
    bob.sessions[0].accept(OFFER)
    network.run(0.1)
    assert len(new.take("SIP/2.0 200")) == 1
    network.run(40)
    assert bob.events == [("ended", "no_ack")]


def test_values_that_would_add_a_header_are_refused() -> None:
    network = Network()
    alice = Phone(network, ALICE)
    for headers in ([("X-A", "b\r\nX-C: d")], [("X-A", "b\nX-C: d")], [("X\r\nA", "b")], [("X-A", "\0")]):
        with pytest.raises(ValueError, match="line break"):
            alice.call(BOB, headers=headers)
    assert alice.stack.sessions == {} and alice.stack.take_output() == []
