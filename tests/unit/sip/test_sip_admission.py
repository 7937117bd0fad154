"""What is turned away at the door, and what a fault behind it leads to (RFC 3261 §8.2)."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import ALICE, ANSWER, BOB, Network, Phone, Wire

from pbx.sip import InviteSession, ServerTransaction, user_of

LINES = {
    "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx",
    "Max-Forwards": "70",
    "From": "<sip:201@romashka.example>;tag=a",
    "To": "<sip:202@romashka.example>",
    "Call-ID": "x@y",
    "CSeq": "1 INVITE",
    "Contact": "<sip:201@192.0.2.1>",
}


def message(method: str = "INVITE", uri: str = "sip:202@192.0.2.2", body: bytes = b"", **changed: str | None) -> bytes:
    """A request; `changed` header fields (with _ for -) replace the usual ones, None removes."""
    lines: dict[str, str | None] = {**LINES, "CSeq": f"1 {method}"}
    lines.update({name.replace("_", "-"): value for name, value in changed.items()})
    head = [f"{method} {uri} SIP/2.0", *(f"{name}: {value}" for name, value in lines.items() if value is not None)]
    return ("\r\n".join([*head, f"Content-Length: {len(body)}", "", ""])).encode() + body


def status_of(data: bytes, phone: Phone, network: Network) -> tuple[int, bytes]:
    """The first answer to a request, 0 for silence."""
    wire = Wire(network, ALICE)
    wire.send(data, BOB)
    network.run(0.3)
    answers = wire.take("SIP/2.0")
    return (int(answers[0][8:11]), answers[0]) if answers else (0, b"")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (message(Contact=None), 400),
        (message(Contact="*"), 400),
        (message(Contact="<mailto:a@b>"), 400),
        (message(Contact="<sip:a@b>, <sip:c@d>"), 400),
        (message(Contact='"unbalanced <sip:a@b>'), 400),
        (message(Contact="<sip:a@b:99999>"), 400),
        (message(From="<sip:a b@c>;tag=1"), 400),
        (message(From="<sip:201@romashka.example>"), 400),
        (message(From="<mailto:x@y>;tag=1"), 400),
        (message(Record_Route="<sip:a b>"), 400),
        (message(Record_Route="nonsense"), 400),
        (message(Max_Forwards="0"), 483),
        (message(Max_Forwards="many"), 400),
        (message(Require="100rel, unheard-of"), 420),
        (message(uri="mailto:a@b.example"), 416),
        (message(uri="sip:202@192.0.2.2?Subject=x"), 400),
        (message(body=b"hello", Content_Type="text/plain"), 415),
        (message(body=b"hello", Content_Type="application/sdp", Content_Encoding="gzip"), 415),
        (message(Accept="text/plain"), 406),
        (message("REGISTER"), 405),
        (message("SUBSCRIBE"), 405),
        (message("BREW"), 501),
        (message("BYE"), 481),
        (message("BYE", To="<sip:202@romashka.example>;tag=unknown"), 481),
        (message("INVITE", To="<sip:202@romashka.example>;tag=unknown"), 481),
        (message("CANCEL"), 481),
        (message("ACK"), 0),
        (message("ACK", Contact=None, CSeq="99 INVITE"), 0),
        (message("OPTIONS"), 200),
        (message("OPTIONS", From="<tel:+7495>;tag=1"), 200),
    ],
)
def test_answer(data: bytes, status: int) -> None:
    network = Network()
    bob = Phone(network, BOB)
    assert status_of(data, bob, network)[0] == status
    assert bob.sessions == []
    assert bob.stack.faults == 0


def test_a_tel_uri_is_called_as_its_number() -> None:
    network = Network()
    bob = Phone(network, BOB)
    assert status_of(message(uri="tel:+7-495-123-45-67"), bob, network)[0] == 200
    request = bob.sessions[0].request
    assert request is not None and user_of(request.uri) == "+74951234567"


def test_unsupported_and_allow_are_told() -> None:
    network = Network()
    bob = Phone(network, BOB)
    _, answer = status_of(message(Require="100rel, gruu, foo"), bob, network)
    assert b"\r\nUnsupported: gruu, foo\r\n" in answer
    _, answer = status_of(message("BREW", Call_ID="2"), bob, network)
    assert b"\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE\r\n" in answer


def test_options_is_the_applications() -> None:
    network = Network()
    asked: list[ServerTransaction] = []

    def on_request(transaction: ServerTransaction) -> None:
        asked.append(transaction)
        transaction.respond(503, headers=[("Retry-After", "2")])

    bob = Phone(network, BOB, on_request=on_request)
    status, answer = status_of(message("OPTIONS"), bob, network)
    assert status == 503 and b"\r\nRetry-After: 2\r\n" in answer
    assert asked[0].source == ALICE


def test_fault_in_the_application_is_a_500_and_told_once() -> None:
    network = Network()
    bob = Phone(network, BOB)

    def broken(session: InviteSession) -> None:
        raise KeyError("tenant")

    bob.on_call = broken
    status, _ = status_of(message(), bob, network)
    assert status == 500
    assert bob.stack.faults == 1 and isinstance(bob.faults[0], KeyError)
    assert bob.stack.sessions == {}
    bob.stack.faults = 0
    network.assert_nothing_left()


def test_fault_after_the_answer_leaves_the_call() -> None:
    network = Network()
    bob = Phone(network, BOB)

    def broken(session: InviteSession) -> None:
        session.accept(ANSWER)
        raise KeyError("tenant")

    bob.on_call = broken
    status, _ = status_of(message(), bob, network)
    assert status == 200 and bob.stack.faults == 1
    network.run(40)
    assert bob.events == [("ended", "no_ack")]


def test_whoever_is_told_of_faults_may_fail_too() -> None:
    network = Network()

    def broken(*_: object) -> None:
        raise OSError("disk full")

    stack = network.stack(BOB, on_invite=broken, on_fault=broken)
    stack.receive(message(), ALICE)
    assert stack.faults == 2
    assert stack.take_output()[0][1].startswith(b"SIP/2.0 500 ")


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0"])
def test_keep_alives_are_no_messages(data: bytes) -> None:
    stack = Network().stack(BOB, on_invite=lambda session: None)
    stack.receive(data, ALICE)
    assert (stack.broken, stack.take_output()) == (0, [])


def test_fault_in_a_timer_is_counted() -> None:
    network = Network()
    bob = Phone(network, BOB)

    def broken() -> None:
        raise ZeroDivisionError

    bob.stack.layer.timers.start(1, broken)
    network.run(2)
    assert bob.stack.faults == 1


def test_identities_of_a_carrier() -> None:
    network = Network()
    bob = Phone(network, BOB)
    status_of(
        message(
            From='"Иван \\"И\\" Петров" <sip:%2B74951234567@mtt.example;user=phone>;tag=1',
            P_Asserted_Identity='"A, B" <sip:+74957654321@mtt.example>, <tel:+74957654321>, <sip:bro ken>',
            Privacy="id;critical",
            Reason='SIP;cause=302;text="moved, twice", Q.850 ;cause=16',
        ),
        bob,
        network,
    )
    request = bob.sessions[0].request
    assert request is not None
    assert request.from_display == 'Иван "И" Петров'
    assert [(found.display, found.uri) for found in request.asserted] == [
        ("A, B", "sip:+74957654321@mtt.example"),
        ("", "tel:+74957654321"),
    ]
    assert request.privacy == {"id", "critical"}
    assert request.reasons == [("SIP", 302, "moved, twice"), ("Q.850", 16, "")]


def test_retransmission_gets_the_same_answer_and_no_second_call() -> None:
    network = Network()
    bob = Phone(network, BOB)
    bob.on_call = lambda session: session.provisional(180)
    wire = Wire(network, ALICE)
    for _ in range(3):
        wire.send(message(), BOB)
        network.run(0.1)
    answers = wire.take("SIP/2.0 180")
    assert len(bob.sessions) == 1
    assert len(set(answers)) == 1


def test_invite_of_rfc_2543_without_the_magic_cookie() -> None:
    network = Network()
    bob = Phone(network, BOB)
    bob.on_call = lambda session: session.reject(486)
    old = message(Via="SIP/2.0/UDP 192.0.2.1:5060", From="<sip:201@romashka.example>")
    wire = Wire(network, ALICE)
    wire.send(old, BOB)
    network.run(0.1)
    [busy] = wire.take("SIP/2.0 486")
    to = next(line for line in busy.decode().split("\r\n") if line.startswith("To: "))[4:]
    wire.send(message("ACK", Via="SIP/2.0/UDP 192.0.2.1:5060", From="<sip:201@romashka.example>", To=to), BOB)
    network.run(0.1)
    wire.received.clear()
    network.run(2)
    assert wire.received == []
    network.assert_nothing_left()
