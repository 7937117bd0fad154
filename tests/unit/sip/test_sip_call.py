"""Two stacks and a network between them: how calls begin and end, whatever gets lost or crosses."""

from __future__ import annotations

import random

import pytest
from unit.sip.sip_network import (
    ALICE,
    ANSWER,
    BOB,
    OFFER,
    Network,
    Phone,
    established,
    losing,
    losing_answers,
    pair,
)

from pbx.sip import Address, InviteSession


def ring_and_answer(session: InviteSession) -> None:
    session.provisional(100)
    session.provisional(180)
    session.accept(ANSWER)


def ring(session: InviteSession) -> None:
    session.provisional(100)
    session.provisional(180)


def test_base_call_hung_up_by_the_caller() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = ring_and_answer
    session = alice.call(BOB)
    network.run(1)
    assert alice.events == [("progressed", 180, None), ("answered", 200, ANSWER)]
    assert bob.events == [("confirmed",)]
    assert bob.sessions[0].remote_sdp == OFFER
    assert session.remote_sdp == ANSWER
    session.bye()
    network.run(1)
    assert bob.events == [("confirmed",), ("ended", "bye")]
    assert alice.names == ["progressed", "answered"]
    network.assert_nothing_left()


def test_base_call_hung_up_by_the_called() -> None:
    network = Network()
    alice, bob, _, called = established(network)
    called.bye([("Reason", "Q.850;cause=16")])
    network.run(1)
    assert alice.events == [("ended", "bye")]
    assert bob.events == []
    network.assert_nothing_left()


def test_early_media() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(183, sdp=ANSWER)
    alice.call(BOB)
    network.run(1)
    assert alice.events == [("progressed", 183, ANSWER)]
    bob.sessions[0].accept(ANSWER)
    network.run(1)
    assert alice.events[-1] == ("answered", 200, None)  # it was agreed in the 183 and its PRACK
    assert alice.sessions[0].remote_sdp == ANSWER
    assert len({session.remote_tag for session in alice.sessions}) == 1


@pytest.mark.parametrize("status", [302, 403, 404, 480, 486, 503, 603])
def test_refused(status: int) -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.reject(status, headers=[("X-PBX-Shed", "1"), ("Retry-After", "2")])
    alice.call(BOB)
    network.run(1)
    assert alice.events == [("failed", status)]
    assert bob.events == []
    assert network.sent("ACK") == 1
    network.assert_nothing_left()


def test_nobody_there() -> None:
    network = Network()
    alice = Phone(network, ALICE)
    alice.call(BOB)
    network.run(31.9)
    assert alice.events == []
    network.run(0.2)
    assert alice.events == [("failed", 408)]
    assert network.sent("INVITE") == 7
    network.assert_nothing_left()


def test_ringing_is_repeated_each_minute() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = ring
    alice.call(BOB)
    network.run(150)
    assert alice.events == [("progressed", 180, None)] * 3
    bob.sessions[0].reject(486)
    network.assert_nothing_left()


# --- cancelling ------------------------------------------------------------------------------------------------------


def test_cancel_after_a_provisional() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = ring
    session = alice.call(BOB)
    network.run(1)
    session.cancel([("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    network.run(1)
    assert alice.events[-1] == ("failed", 487)
    assert bob.events == [("ended", "cancel")]
    assert any(b"Reason: SIP;cause=200" in data for *_, data in network.log if data.startswith(b"CANCEL"))
    network.assert_nothing_left()


def test_cancel_waits_for_the_first_provisional() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: None
    session = alice.call(BOB)
    network.run(0.2)
    session.cancel()
    network.run(0.2)
    assert network.sent("CANCEL") == 0
    bob.sessions[0].provisional(180)
    network.run(0.2)
    assert network.sent("CANCEL") == 1
    assert alice.events == [("failed", 487)]
    assert bob.events == [("ended", "cancel")]
    network.assert_nothing_left()


def test_cancel_when_nobody_answers_at_all() -> None:
    network = Network()
    alice = Phone(network, ALICE)
    session = alice.call(BOB)
    session.cancel()
    network.run(40)
    assert alice.events == [("failed", 487)]
    assert network.sent("CANCEL") == 0
    network.assert_nothing_left()


def test_cancel_that_nobody_hears_ends_after_32_seconds() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(180)
    session = alice.call(BOB)
    network.run(1)
    network.filter = lambda data, source, destination: [] if source == ALICE else [data]
    session.cancel()
    network.run(31.5)
    assert alice.names == ["progressed"]
    network.run(1)
    assert alice.events[-1] == ("failed", 487)
    bob.sessions[0].reject(480)
    network.filter = lambda data, source, destination: [data]
    network.assert_nothing_left()


def test_cancel_crosses_the_200() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = ring
    session = alice.call(BOB)
    network.run(1)
    session.cancel()
    bob.sessions[0].accept(ANSWER)
    network.run(2)
    assert alice.events == [("progressed", 180, None), ("failed", 487)]
    assert bob.events == [("confirmed",), ("ended", "bye")]
    assert (network.sent("ACK"), network.sent("BYE"), network.sent("CANCEL")) == (1, 1, 1)
    network.assert_nothing_left()


def test_cancel_before_a_provisional_crosses_the_200() -> None:
    network = Network()
    alice, bob = pair(network)
    session = alice.call(BOB)
    session.cancel()
    network.run(2)
    assert alice.events == [("failed", 487)]
    assert bob.events == [("confirmed",), ("ended", "bye")]
    assert network.sent("CANCEL") == 0
    network.assert_nothing_left()


def test_cancel_crosses_a_busy() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = ring
    session = alice.call(BOB)
    network.run(1)
    session.cancel()
    bob.sessions[0].reject(486)
    network.run(1)
    assert alice.events[-1] == ("failed", 486)
    assert bob.events == []
    network.assert_nothing_left()


def test_cancel_lost_once() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = ring
    session = alice.call(BOB)
    network.run(1)
    network.filter = losing("CANCEL", 1)
    session.cancel()
    network.run(2)
    assert alice.events[-1] == ("failed", 487)
    assert network.sent("CANCEL") == 1
    network.assert_nothing_left()


def test_verbs_that_come_too_late_do_nothing() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = ring
    session = alice.call(BOB)
    network.run(1)
    called = bob.sessions[0]
    session.cancel()
    network.run(1)
    for late in (called, session):
        late.provisional(180)
        late.accept(ANSWER)
        late.reject(486)
        late.cancel()
        late.bye()
        late.reinvite(OFFER)
        late.answer_offer(ANSWER)
        late.info("application/dtmf-relay", b"Signal=1")
    network.run(1)
    assert bob.events == [("ended", "cancel")]
    assert network.sent("BYE") == 0
    network.assert_nothing_left()


# --- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
def test_lost_200_is_repeated(times: int) -> None:
    network = Network()
    network.filter = losing_answers(200, "INVITE", times)
    alice, bob = pair(network)
    alice.call(BOB)
    network.run(10)
    assert alice.events == [("answered", 200, ANSWER)]
    assert bob.events == [("confirmed",)]
    alice.sessions[0].bye()
    network.assert_nothing_left()


@pytest.mark.parametrize("times", [1, 3])
def test_lost_ack_is_repeated_with_each_200(times: int) -> None:
    network = Network()
    network.filter = losing("ACK", times)
    alice, bob = pair(network)
    alice.call(BOB)
    network.run(10)
    assert alice.events == [("answered", 200, ANSWER)]
    assert bob.events == [("confirmed",)]
    alice.sessions[0].bye()
    network.assert_nothing_left()


def test_no_ack_at_all_ends_the_call_after_32_seconds() -> None:
    network = Network()
    network.filter = losing("ACK", 1000)
    alice, bob = pair(network)
    alice.call(BOB)
    network.run(31)
    assert bob.events == []
    network.run(2)
    assert bob.events == [("ended", "no_ack")]
    assert alice.events == [("answered", 200, ANSWER), ("ended", "bye")]
    network.assert_nothing_left()


def test_ack_after_the_end_is_ignored() -> None:
    network = Network()
    acks: list[bytes] = []

    def hold_acks(data: bytes, source: Address, destination: Address) -> list[bytes]:
        if data.startswith(b"ACK"):
            acks.append(data)
            return []
        return [data]

    network.filter = hold_acks
    alice, bob = pair(network)
    alice.call(BOB)
    network.run(33)
    assert bob.events == [("ended", "no_ack")]
    before = len(network.log)
    network.inject(acks[0], ALICE, BOB)
    network.run(1)
    assert len(network.log) == before
    assert alice.events[-1] == ("ended", "bye")
    network.assert_nothing_left()


def test_lost_bye_is_repeated() -> None:
    network = Network()
    _, bob, session, _ = established(network)
    network.filter = losing("BYE", 2)
    session.bye()
    network.run(5)
    assert bob.events == [("ended", "bye")]
    network.assert_nothing_left()


def test_bye_to_a_dead_peer_gives_up() -> None:
    network = Network()
    _, bob, session, called = established(network)
    network.filter = losing("BYE", 1000)
    session.bye()
    network.run(40)
    assert network.sent("BYE") == 0
    assert bob.events == []
    network.filter = lambda data, source, destination: [data]
    called.bye()
    network.assert_nothing_left()


def test_both_hang_up_at_once() -> None:
    network = Network()
    alice, bob, session, called = established(network)
    session.bye()
    called.bye()
    network.run(2)
    assert alice.events == bob.events == []
    assert network.sent("SIP/2.0 200") == 3
    assert network.sent("SIP/2.0 481") == 0
    network.assert_nothing_left()


def test_bye_of_the_called_waits_for_the_ack() -> None:
    network = Network()
    network.filter = losing("ACK", 1)
    alice, bob = pair(network)

    def answer_and_hang_up(session: InviteSession) -> None:
        session.accept(ANSWER)
        session.bye()

    bob.on_call = answer_and_hang_up
    alice.call(BOB)
    network.run(0.3)
    assert network.sent("BYE") == 0
    network.run(2)
    assert alice.events == [("answered", 200, ANSWER), ("ended", "bye")]
    assert bob.events == []
    network.assert_nothing_left()


def test_bye_overtakes_the_ack() -> None:
    network = Network()
    network.filter = losing("ACK", 1)
    alice, bob = pair(network)
    alice.on_answered = lambda session: session.bye()
    alice.call(BOB)
    network.run(2)
    assert bob.events == [("ended", "bye")]
    network.assert_nothing_left()


def test_180_overtaken_by_the_200() -> None:
    network = Network()
    network.delay = lambda data: 0.05 if data.startswith(b"SIP/2.0 180") else 0.001
    alice, bob = pair(network)
    bob.on_call = ring_and_answer
    alice.call(BOB)
    network.run(2)
    assert alice.events == [("answered", 200, ANSWER)]
    assert bob.events == [("confirmed",)]
    alice.sessions[0].bye()
    network.assert_nothing_left()


@pytest.mark.parametrize("seed", [1, 2])
def test_five_hundred_calls_with_five_percent_loss(seed: int) -> None:
    network = Network(loss=0.05, seed=seed)
    alice, bob = pair(network)
    bob.on_call = ring_and_answer
    rng = random.Random(seed)
    for _ in range(500):
        session = alice.call(BOB)
        network.run(0.02)
    network.run(40)
    assert alice.names.count("answered") == 500
    assert bob.names.count("confirmed") == 500
    called = {session.call_id: session for session in bob.sessions}
    for session in alice.sessions:
        (session if rng.random() < 0.5 else called[session.call_id]).bye()
        network.run(0.01)
    network.run(40)
    assert alice.names.count("ended") + bob.names.count("ended") == 500
    network.assert_nothing_left()


def test_every_message_ten_times() -> None:
    network = Network()
    network.filter = lambda data, source, destination: [data] * 10
    alice, bob = pair(network)
    bob.on_call = ring_and_answer
    session = alice.call(BOB)
    network.run(5)
    assert alice.names.count("answered") == 1
    assert bob.events == [("confirmed",)]
    session.reinvite(OFFER)
    network.run(5)
    assert alice.names.count("reinvited") == bob.names.count("offered") == 1
    session.info("application/dtmf-relay", b"Signal=1")
    network.run(5)
    assert bob.names.count("informed") == 1
    session.bye()
    network.run(5)
    assert bob.names.count("ended") == 1
    bob.on_call = ring
    second = alice.call(BOB)
    network.run(5)
    second.cancel()
    network.run(5)
    assert alice.events[-1] == ("failed", 487)
    assert bob.names.count("ended") == 2
    assert len(bob.sessions) == 2
    network.assert_nothing_left()
