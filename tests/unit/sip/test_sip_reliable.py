"""Provisional responses confirmed by PRACK (RFC 3262), the exchanges that they carry, and UPDATE before the answer."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import (
    ALICE,
    ANSWER,
    BOB,
    HELD,
    HOLD,
    OFFER,
    Network,
    Phone,
    Wire,
    answer_to,
    losing,
    losing_answers,
    pair,
)

from pbx.sip import InviteSession

SUPPORTED = "Supported: 100rel"
REQUIRED = "Require: 100rel"


def raw_invite(*lines: str, sdp: bytes = OFFER) -> bytes:
    kind = ["Content-Type: application/sdp"] if sdp else []
    text = [
        "INVITE sip:202@192.0.2.2 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKraw",
        "From: <sip:201@romashka.example>;tag=a",
        "To: <sip:202@romashka.example>",
        "Call-ID: raw",
        "CSeq: 1 INVITE",
        "Contact: <sip:201@192.0.2.1>",
        "Allow: INVITE, ACK, BYE, PRACK, UPDATE",
        *lines,
        *kind,
        f"Content-Length: {len(sdp)}",
        "",
        "",
    ]
    return "\r\n".join(text).encode() + sdp


def prack_of(response: bytes, cseq: int = 2, sdp: bytes = b"", **changed: str) -> bytes:
    """The PRACK of a reliable response, or another request of that dialog."""
    head = dict(line.split(": ", 1) for line in response.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:])
    values = {"method": "PRACK", "rack": f"RAck: {head.get('RSeq', '')} 1 INVITE\r\n", **changed}
    kind = "Content-Type: application/sdp\r\n" if sdp else ""
    return (
        f"{values['method']} sip:token@192.0.2.2:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{values['method']}{cseq}\r\n"
        f"From: {head['From']}\r\nTo: {head['To']}\r\nCall-ID: {head['Call-ID']}\r\n"
        f"CSeq: {cseq} {values['method']}\r\nContact: <sip:201@192.0.2.1>\r\n{values['rack']}{kind}"
        f"Content-Length: {len(sdp)}\r\n\r\n"
    ).encode() + sdp


class Caller:
    """A scripted caller of bob."""

    def __init__(self, *lines: str, sdp: bytes = OFFER) -> None:
        self.network = Network()
        self.bob = Phone(self.network, BOB)
        self.bob.on_call = lambda session: None
        self.wire = Wire(self.network, ALICE)
        self.send(raw_invite(*lines, sdp=sdp))
        self.session = self.bob.sessions[0]

    def send(self, data: bytes) -> None:
        self.wire.send(data, BOB)
        self.network.run(0.01)

    def take(self, start: str) -> list[bytes]:
        self.network.run(0.01)
        return self.wire.take(start)


def rseq_of(response: bytes) -> int:
    return int(response.split(b"RSeq: ")[1].split(b"\r\n")[0])


def test_early_media_is_confirmed_and_the_answer_bears_no_sdp() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(183, sdp=ANSWER)
    session = alice.call(BOB)
    network.run(1)
    assert network.sent("PRACK") == 1
    assert session.is_agreed_early and bob.sessions[0].is_agreed_early
    bob.sessions[0].accept(ANSWER)
    network.run(1)
    assert alice.events == [("progressed", 183, ANSWER), ("answered", 200, None)]
    assert bob.events == [("confirmed",)]
    session.bye()
    network.assert_nothing_left()


def test_a_response_is_repeated_until_its_prack_comes_and_told_once() -> None:
    network = Network()
    network.filter = losing("PRACK", 3)
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(183, sdp=ANSWER)
    alice.call(BOB)
    network.run(10)
    assert alice.events == [("progressed", 183, ANSWER)]
    assert 2 <= network.sent("SIP/2.0 183") <= 4
    assert network.sent("PRACK") == 1  # those that were lost are not counted
    bob.sessions[0].reject(486)
    network.assert_nothing_left()


@pytest.mark.parametrize("loss", ["SIP/2.0 183", "PRACK"])
def test_answer_waits_for_the_prack_of_the_sdp(loss: str) -> None:
    network = Network()
    network.filter = losing(loss, 1)
    alice, bob = pair(network)

    def early_and_answer(session: InviteSession) -> None:
        session.provisional(183, sdp=ANSWER)
        session.accept(ANSWER)

    bob.on_call = early_and_answer
    session = alice.call(BOB)
    network.run(0.3)
    assert network.sent("SIP/2.0 200") == 0
    network.run(3)
    assert alice.events == [("progressed", 183, ANSWER), ("answered", 200, None)]
    session.bye()
    network.assert_nothing_left()


def test_hang_up_while_the_answer_waits_for_the_prack() -> None:
    network = Network()
    network.filter = losing("PRACK", 100)
    alice, bob = pair(network)

    def early_and_answer(session: InviteSession) -> None:
        session.provisional(183, sdp=ANSWER)
        session.accept(ANSWER)

    bob.on_call = early_and_answer
    alice.call(BOB)
    network.run(1)
    bob.sessions[0].bye()
    network.run(1)
    assert alice.events[-1] == ("failed", 480)
    network.filter = lambda data, source, destination: [data]
    network.assert_nothing_left()


def test_caller_that_never_confirms_is_refused_after_32_seconds() -> None:
    caller = Caller(REQUIRED)
    caller.session.provisional(180)
    caller.network.run(31)
    assert len(caller.wire.take("SIP/2.0 180")) == 6
    caller.network.run(2)
    assert len(caller.take("SIP/2.0 504")) >= 1
    assert caller.bob.events == [("ended", "no_prack")]
    caller.network.assert_nothing_left()


def test_required_for_each_and_one_at_a_time() -> None:
    caller = Caller(REQUIRED)
    caller.session.provisional(100)
    caller.session.provisional(180)
    caller.session.provisional(183, sdp=ANSWER)
    (trying,), (ringing,) = caller.take("SIP/2.0 100"), caller.take("SIP/2.0 180")
    assert b"RSeq" not in trying and b"\r\nRequire: 100rel\r\n" in ringing
    assert caller.take("SIP/2.0 183") == []
    caller.send(prack_of(ringing))
    (progress,) = caller.take("SIP/2.0 183")
    assert rseq_of(progress) == rseq_of(ringing) + 1 and progress.endswith(ANSWER)
    caller.session.accept(ANSWER)
    assert len(caller.take("SIP/2.0 200")) == 1  # of the PRACK
    caller.send(prack_of(progress, 3))
    answers = caller.take("SIP/2.0 200")
    assert [b"3 PRACK" in answers[0], b"1 INVITE" in answers[1]] == [True, True]
    assert b"application/sdp" not in answers[1]


def test_supported_alone_is_used_for_what_bears_an_sdp() -> None:
    caller = Caller(SUPPORTED)
    caller.session.provisional(180)
    assert b"RSeq" not in caller.take("SIP/2.0 180")[0]
    caller.session.provisional(183, sdp=ANSWER)
    (progress,) = caller.take("SIP/2.0 183")
    caller.send(prack_of(progress))
    caller.session.provisional(180)
    assert rseq_of(caller.take("SIP/2.0 180")[0]) == rseq_of(progress) + 1


@pytest.mark.parametrize("rack", ["RAck: 1 1 INVITE\r\n", "RAck: x y z\r\n", ""])
def test_prack_of_nothing_that_is_open(rack: str) -> None:
    caller = Caller(REQUIRED)
    caller.session.provisional(180)
    (ringing,) = caller.take("SIP/2.0 180")
    caller.send(prack_of(ringing, rack=rack))
    assert len(caller.take("SIP/2.0 481")) == 1
    caller.send(prack_of(ringing, 3))
    assert len(caller.take("SIP/2.0 200")) == 1
    caller.send(prack_of(ringing, 4))
    assert len(caller.take("SIP/2.0 481")) == 1


def test_repeated_each_minute_with_a_number_of_its_own() -> None:
    caller = Caller(REQUIRED)
    caller.session.provisional(180)
    (first,) = caller.take("SIP/2.0 180")
    caller.send(prack_of(first))
    caller.network.run(60.2)
    (second,) = caller.wire.take("SIP/2.0 180")
    assert rseq_of(second) == rseq_of(first) + 1


def test_late_offer_in_a_183_is_answered_in_the_prack() -> None:
    caller = Caller(SUPPORTED, sdp=b"")
    caller.session.provisional(183, sdp=OFFER)
    (progress,) = caller.take("SIP/2.0 183")
    caller.send(prack_of(progress))  # without the answer that is due
    assert len(caller.take("SIP/2.0 400")) == 1
    caller.send(prack_of(progress, 3, ANSWER))
    assert len(caller.take("SIP/2.0 200")) == 1
    assert caller.bob.events == [("agreed", ANSWER)]
    caller.session.accept(OFFER)
    (ok,) = caller.take("SIP/2.0 200")
    assert b"application/sdp" not in ok
    assert caller.session.remote_sdp == ANSWER
    caller.send(prack_of(ok, 1, method="ACK", rack=""))
    assert caller.bob.events[-1] == ("confirmed",)


def test_late_offer_waits_for_the_answer_where_the_peer_cannot_confirm() -> None:
    caller = Caller(sdp=b"")
    caller.session.provisional(183, sdp=OFFER)
    (progress,) = caller.take("SIP/2.0 183")
    assert b"application/sdp" not in progress and b"RSeq" not in progress
    caller.session.accept(OFFER)
    assert caller.take("SIP/2.0 200")[0].endswith(OFFER)


def test_both_ends_of_a_late_offer_in_a_183() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(183, sdp=OFFER)
    alice.on_progressed = lambda session: session.answer_offer(ANSWER)
    session = alice.call(BOB, sdp=None)
    network.run(1)
    assert bob.events == [("agreed", ANSWER)]
    bob.sessions[0].accept(OFFER)
    network.run(1)
    assert alice.events == [("progressed", 183, OFFER), ("answered", 200, None)]
    assert session.is_established and bob.sessions[0].is_established
    session.bye()
    network.assert_nothing_left()


def test_offer_in_a_prack_is_answered_in_its_200() -> None:
    caller = Caller(SUPPORTED)
    caller.session.provisional(183, sdp=ANSWER)
    (progress,) = caller.take("SIP/2.0 183")
    caller.send(prack_of(progress, 2, HOLD))
    assert caller.bob.events == [("offered", "PRACK", HOLD)]
    assert caller.take("SIP/2.0 200")[0].endswith(ANSWER)
    assert caller.session.remote_sdp == HOLD


def test_reliable_responses_of_several_forks_have_numbers_of_their_own() -> None:
    network = Network()
    alice, far = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB)
    network.run(0.01)
    invite = far.take("INVITE")[0]
    lines = ("Contact: <sip:b@192.0.2.2>", "Require: 100rel")
    for number, tag in ((7, "one"), (90, "two"), (7, "one"), (9, "one"), (8, "one"), (91, "two")):
        far.send(answer_to(invite, 183, tag, *lines, f"RSeq: {number}"), ALICE)
        network.run(0.01)
    pracks = far.take("PRACK")
    racks = [data.split(b"RAck: ")[1].split(b" ")[0].decode() for data in pracks]
    assert racks == ["7", "90", "8", "91"]  # 7 came twice, 9 out of order
    tags = [data.split(b"To: ")[1].split(b"tag=")[1][:3].decode() for data in pracks]
    assert tags == ["one", "two", "one", "two"]
    numbers = [int(data.split(b"CSeq: ")[1].split(b" ")[0]) for data in pracks]
    assert numbers[0] < numbers[2] and numbers[1] < numbers[3]
    assert alice.names == ["progressed"] * 4
    session.cancel()
    far.send(answer_to(invite, 487, "one"), ALICE)
    network.assert_nothing_left()


# --- UPDATE before the answer (RFC 3311) ------------------------------------------------------------------------------


def agreed_early(network: Network) -> tuple[Phone, Phone]:
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(183, sdp=ANSWER)
    alice.call(BOB)
    network.run(1)
    alice.events.clear()
    return alice, bob


def test_update_by_the_caller_before_the_answer() -> None:
    network = Network()
    alice, bob = agreed_early(network)
    bob.on_offered = lambda session, sdp: session.answer_offer(HELD)
    alice.sessions[0].reinvite(HOLD)
    network.run(1)
    assert bob.events == [("offered", "UPDATE", HOLD)]
    assert alice.events == [("reinvited", 200, HELD)]
    assert network.sent("INVITE") == 1
    bob.sessions[0].accept(ANSWER)
    network.run(1)
    assert alice.sessions[0].remote_sdp == HELD
    alice.sessions[0].bye()
    network.assert_nothing_left()


def test_update_by_the_called_before_the_answer() -> None:
    network = Network()
    alice, bob = agreed_early(network)
    bob.sessions[0].reinvite(HOLD)
    network.run(1)
    assert alice.events == [("offered", "UPDATE", HOLD)]
    assert bob.events == [("reinvited", 200, ANSWER)]
    alice.sessions[0].cancel()
    network.assert_nothing_left()


def test_update_of_both_at_once_before_the_answer() -> None:
    network = Network()
    alice, bob = agreed_early(network)
    alice.sessions[0].reinvite(HOLD)
    bob.sessions[0].reinvite(OFFER)
    network.run(10)
    assert network.sent("SIP/2.0 491") == 2
    assert alice.names.count("reinvited") == bob.names.count("reinvited") == 1
    alice.sessions[0].cancel()
    network.assert_nothing_left()


def test_offer_before_anything_is_agreed_waits_for_the_answer() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(180)
    session = alice.call(BOB)
    network.run(1)
    session.reinvite(HOLD)
    network.run(1)
    assert network.sent("UPDATE") == 0
    bob.sessions[0].accept(ANSWER)
    network.run(1)
    assert bob.events == [("confirmed",), ("offered", "INVITE", HOLD)]
    session.bye()
    network.assert_nothing_left()


def test_lost_answer_to_an_update_is_repeated() -> None:
    network = Network()
    alice, bob = agreed_early(network)
    network.filter = losing_answers(200, "UPDATE", 2)
    alice.sessions[0].reinvite(HOLD)
    network.run(5)
    assert alice.names == ["reinvited"] and bob.names == ["offered"]
    alice.sessions[0].cancel()
    network.assert_nothing_left()
