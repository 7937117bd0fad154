"""Offers inside an established call: hold and resume, glare, overlapping, challenges; INFO and OPTIONS beside them."""

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
    established,
    losing,
    losing_answers,
    pair,
)

from pbx.sip import Address, InviteSession


def test_hold_and_resume() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    bob.on_offered = lambda leg, sdp: leg.answer_offer(HELD if sdp == HOLD else ANSWER)
    session.reinvite(HOLD)
    network.run(1)
    assert bob.events == [("offered", "INVITE", HOLD)]
    assert alice.events == [("reinvited", 200, HELD)]
    assert (called.remote_sdp, called.local_sdp) == (HOLD, HELD)
    assert (session.local_sdp, session.remote_sdp) == (HOLD, HELD)
    session.reinvite(OFFER)
    network.run(1)
    assert alice.events[-1] == ("reinvited", 200, ANSWER)
    called.bye()
    network.assert_nothing_left()


def test_hold_by_the_called() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    alice.on_offered = lambda leg, sdp: leg.answer_offer(HELD)
    called.reinvite(HOLD)
    network.run(1)
    assert bob.events == [("reinvited", 200, HELD)]
    session.bye()
    network.assert_nothing_left()


def test_answer_that_takes_its_time() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    bob.on_offered = lambda leg, sdp: None
    session.reinvite(HOLD)
    network.run(3)
    assert alice.events == []
    called.answer_offer(HELD)
    network.run(1)
    assert alice.events == [("reinvited", 200, HELD)]
    assert bob.names == ["offered"]
    session.bye()
    network.assert_nothing_left()


def test_refused_offer_leaves_the_call() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    bob.on_offered = lambda leg, sdp: leg.refuse_offer(488)
    session.reinvite(HOLD)
    network.run(1)
    assert alice.events == [("reinvited", 488, None)]
    assert session.local_sdp == OFFER and called.remote_sdp == OFFER
    session.bye()
    network.run(1)
    assert bob.events[-1] == ("ended", "bye")
    network.assert_nothing_left()


def test_glare_is_resolved_by_both_trying_again() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    session.reinvite(HOLD)
    called.reinvite(OFFER)
    network.run(10)
    assert network.sent("SIP/2.0 491") == 2
    assert alice.names.count("reinvited") == bob.names.count("reinvited") == 1
    assert alice.names.count("offered") == bob.names.count("offered") == 1
    assert all(event[1] == 200 for event in alice.events + bob.events if event[0] == "reinvited")
    session.bye()
    network.assert_nothing_left()


def test_owner_of_the_call_id_waits_longer_after_glare() -> None:
    network = Network()
    _, _, session, called = established(network)
    session.reinvite(HOLD)
    called.reinvite(OFFER)
    network.run(10)
    invites = [(time, source) for time, source, _, data in network.log if data.startswith(b"INVITE")]
    (first, _), (_, _) = invites[1:3]
    later = {source: time - first for time, source in invites[3:]}
    assert 2.1 <= later[ALICE] <= 4.1
    assert later[BOB] <= 2.1
    session.bye()
    network.assert_nothing_left()


def test_offers_wait_for_each_other_and_the_newest_wins() -> None:
    network = Network()
    alice, bob, session, _ = established(network)
    session.reinvite(HOLD)
    session.reinvite(OFFER)
    session.reinvite(HOLD + b"a=ptime:20\r\n")
    network.run(2)
    assert [event[2] for event in bob.events] == [HOLD, HOLD + b"a=ptime:20\r\n"]
    assert alice.names == ["reinvited", "reinvited"]
    session.bye()
    network.assert_nothing_left()


def test_offer_before_the_call_is_confirmed_waits_for_the_ack() -> None:
    network = Network()
    network.filter = losing("ACK", 2)
    alice, bob = pair(network)

    def answer_and_offer(session: InviteSession) -> None:
        session.accept(ANSWER)
        session.reinvite(HOLD)

    bob.on_call = answer_and_offer
    alice.call(BOB)
    network.run(5)
    assert alice.events == [("answered", 200, ANSWER), ("offered", "INVITE", HOLD)]
    assert bob.names == ["confirmed", "reinvited"]
    alice.sessions[0].bye()
    network.assert_nothing_left()


def test_reinvite_while_the_ack_is_missing_meets_491_and_is_repeated() -> None:
    network = Network()
    network.filter = losing("ACK", 1)
    alice, bob = pair(network)
    alice.on_answered = lambda session: session.reinvite(HOLD)
    alice.call(BOB)
    network.run(6)
    assert network.sent("SIP/2.0 491") == 1
    assert alice.events[-1] == ("reinvited", 200, ANSWER)
    assert bob.names == ["confirmed", "offered"]
    alice.sessions[0].bye()
    network.assert_nothing_left()


def raw_in_dialog(session: InviteSession, method: str, cseq: int, body: bytes = b"") -> bytes:
    """A request of the caller that our own stack would not send, e.g. a second re-INVITE at once."""
    dialog = session.dialog
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} {dialog.remote_target} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKraw{method}{cseq}\r\n"
        f"From: {dialog.local}\r\nTo: {dialog.remote}\r\nCall-ID: {dialog.call_id}\r\nCSeq: {cseq} {method}\r\n"
        f"Contact: <sip:moved@192.0.2.1>\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def test_overlapping_offers_get_500_with_retry_after() -> None:
    network = Network()
    _, bob, session, called = established(network)
    bob.on_offered = lambda leg, sdp: None
    network.inject(raw_in_dialog(session, "INVITE", 50, HOLD), ALICE, BOB)
    network.run(0.1)
    network.inject(raw_in_dialog(session, "INVITE", 51, HOLD), ALICE, BOB)
    network.run(0.1)
    refused = [data for *_, data in network.log if data.startswith(b"SIP/2.0 500")]
    assert len(refused) == 1 and b"Retry-After: " in refused[0]
    called.bye()
    network.run(1)
    assert network.sent("SIP/2.0 487") >= 1
    network.assert_nothing_left()


def test_cseq_out_of_order_gets_500() -> None:
    network = Network()
    _, bob, session, _ = established(network)
    network.inject(raw_in_dialog(session, "INFO", 90), ALICE, BOB)
    network.inject(raw_in_dialog(session, "INFO", 80), ALICE, BOB)
    network.run(0.1)
    assert bob.events == [("informed", b"")]
    assert network.sent("SIP/2.0 500") == 1


def test_update_with_and_without_an_offer() -> None:
    network = Network()
    _, bob, session, called = established(network)
    network.inject(raw_in_dialog(session, "UPDATE", 50), ALICE, BOB)
    network.run(0.1)
    assert bob.events == []
    assert called.remote_target == "sip:moved@192.0.2.1"
    network.inject(raw_in_dialog(session, "UPDATE", 51, HOLD), ALICE, BOB)
    network.run(0.1)
    assert bob.events == [("offered", "UPDATE", HOLD)]
    assert network.sent("SIP/2.0 200") == 3
    assert called.remote_sdp == HOLD


def test_update_with_an_offer_before_the_answer() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(180)
    session = alice.call(BOB)
    network.run(0.1)
    network.inject(raw_in_dialog(session, "UPDATE", 50, HOLD), ALICE, BOB)
    network.run(0.1)
    assert network.sent("SIP/2.0 500") == 1


@pytest.mark.parametrize("method", ["REFER", "NOTIFY", "MESSAGE", "BREW"])
def test_methods_that_calls_do_not_serve(method: str) -> None:
    network = Network()
    _, bob, session, _ = established(network)
    network.inject(raw_in_dialog(session, method, 50), ALICE, BOB)
    network.run(0.1)
    refused = [data for *_, data in network.log if data.startswith(b"SIP/2.0 405")]
    assert len(refused) == 1 and b"\r\nAllow: INVITE, " in refused[0]
    assert bob.events == []


def test_late_offer() -> None:
    network = Network()
    alice, bob = pair(network)
    alice.on_answered = lambda session: session.answer_offer(ANSWER)
    bob.on_call = lambda session: session.accept(OFFER)
    session = alice.call(BOB, sdp=None)
    network.run(2)
    assert alice.events == [("answered", 200, OFFER)]
    assert bob.events == [("agreed", ANSWER), ("confirmed",)]
    assert bob.sessions[0].remote_sdp == ANSWER
    assert (session.local_sdp, session.remote_sdp) == (ANSWER, OFFER)
    session.bye()
    network.assert_nothing_left()


def test_late_offer_whose_ack_is_lost() -> None:
    network = Network()
    network.filter = losing("ACK", 2)
    alice, bob = pair(network)
    alice.on_answered = lambda session: session.answer_offer(ANSWER)
    bob.on_call = lambda session: session.accept(OFFER)
    alice.call(BOB, sdp=None)
    network.run(5)
    assert bob.sessions[0].remote_sdp == ANSWER
    alice.sessions[0].bye()
    network.assert_nothing_left()


def test_late_offer_that_we_do_not_want() -> None:
    network = Network()
    alice, bob = pair(network)
    alice.on_answered = lambda session: session.bye()
    bob.on_call = lambda session: session.accept(OFFER)
    alice.call(BOB, sdp=None)
    network.run(2)
    assert bob.events == [("ended", "no_answer")]
    network.assert_nothing_left()


def test_reinvite_that_asks_for_our_offer() -> None:
    network = Network()
    _, bob, session, called = established(network)
    network.inject(raw_in_dialog(session, "INVITE", 50), ALICE, BOB)
    network.run(0.1)
    assert bob.events == [("offered", "INVITE", None)]
    network.inject(raw_in_dialog(session, "ACK", 50, HELD), ALICE, BOB)
    network.run(0.1)
    assert bob.events[1:] == [("agreed", HELD)]
    assert (called.local_sdp, called.remote_sdp) == (ANSWER, HELD)
    called.bye()
    network.assert_nothing_left()


def test_lost_ack_of_a_reinvite_is_repeated() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    network.filter = losing("ACK", 2)
    session.reinvite(HOLD)
    network.run(5)
    assert alice.names == ["reinvited"]
    called.reinvite(OFFER)
    network.run(5)
    assert bob.names == ["offered", "reinvited"]
    session.bye()
    network.assert_nothing_left()


def test_reinvite_that_is_never_acked_ends_the_call() -> None:
    network = Network()
    alice, bob, session, _ = established(network)
    network.filter = losing("ACK", 1000)
    session.reinvite(HOLD)
    network.run(34)
    assert bob.events[-1] == ("ended", "no_ack")
    assert alice.events[-1] == ("ended", "bye")
    network.assert_nothing_left()


def test_reinvite_without_any_answer_ends_the_call() -> None:
    network = Network()
    alice, bob, session, _ = established(network)
    network.filter = losing("INVITE", 1000)
    session.reinvite(HOLD)
    network.run(34)
    assert alice.events == [("ended", "timeout")]
    assert bob.events == [("ended", "bye")]
    network.assert_nothing_left()


def test_reinvite_to_a_peer_that_forgot_the_call() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    bob.stack.forget(called)
    session.reinvite(HOLD)
    network.run(1)
    assert alice.events == [("ended", "timeout")]
    network.assert_nothing_left()


def test_bye_while_a_reinvite_is_open() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    bob.on_offered = lambda leg, sdp: None
    session.reinvite(HOLD)
    network.run(0.1)
    session.bye()
    network.run(1)
    assert bob.events[-1] == ("ended", "bye")
    called.answer_offer(HELD)
    network.run(1)
    assert alice.events == []
    network.assert_nothing_left()


def test_bye_crosses_the_200_of_a_reinvite() -> None:
    network = Network()
    network_losses = losing_answers(200, "INVITE", 1)
    alice, bob, session, _ = established(network)
    network.filter = network_losses
    session.reinvite(HOLD)
    network.run(0.1)
    session.bye()
    network.run(3)
    assert alice.events == []
    assert bob.events[-1] == ("ended", "bye")
    network.assert_nothing_left()


def test_info() -> None:
    network = Network()
    _, bob, session, _ = established(network)
    session.info("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")
    network.run(1)
    assert bob.events == [("informed", b"Signal=5\r\nDuration=160\r\n")]
    session.bye()
    network.assert_nothing_left()


def test_cancelled_reinvite() -> None:
    network = Network()
    _, bob, session, called = established(network)
    bob.on_offered = lambda leg, sdp: None
    invite = raw_in_dialog(session, "INVITE", 50, HOLD)
    network.inject(invite, ALICE, BOB)
    network.run(0.1)
    network.inject(raw_in_dialog(session, "CANCEL", 50).replace(b"rawCANCEL", b"rawINVITE"), ALICE, BOB)
    network.run(0.1)
    assert network.sent("SIP/2.0 487") == 1
    called.answer_offer(HELD)
    assert called.is_established and called.local_sdp == ANSWER


def test_snapshot_is_plain_and_whole() -> None:
    network = Network()
    _, _, session, called = established(network)
    shot = called.snapshot()
    assert shot["call_id"] == session.call_id
    assert (shot["local_tag"], shot["remote_tag"]) == (session.remote_tag, session.local_tag)
    assert shot["remote_sdp"] == OFFER.decode() and shot["local_sdp"] == ANSWER.decode()
    assert (shot["local_seq"], shot["remote_seq"], shot["role"]) == (0, 1, "uas")
    assert Address(*shot["destination"]) == ALICE
