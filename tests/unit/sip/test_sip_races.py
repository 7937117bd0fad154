"""The races of RFC 5407, one test each, by its section; both ends run our stack unless a script is needed.

§3.3.1, re-INVITEs that cross, is `test_glare_is_resolved_by_both_trying_again` of `test_sip_media_change`.
The time that a message takes decides who sees what first: `slow` delays those whose first line starts so.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.sip.sip_network import ALICE, ANSWER, BOB, HOLD, Network, Phone, established, losing, pair
from unit.sip.test_sip_media_change import raw_in_dialog
from unit.sip.test_sip_transfer import Referrer

from pbx.sip import InviteSession


def slow(network: Network, start: str, seconds: float, times: int = 1) -> None:
    """The next `times` messages of this kind take so long."""
    left = [times]

    def delay(data: bytes) -> float:
        if left[0] and data.startswith(start.encode()):
            left[0] -= 1
            return seconds
        return 0.001

    network.delay = delay


def ringing(network: Network) -> tuple[Phone, Phone, InviteSession, InviteSession]:
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(180)
    session = alice.call(BOB)
    network.run(1)
    return alice, bob, session, bob.sessions[0]


def hang_up_and_look(network: Network, session: InviteSession) -> None:
    session.bye()
    network.assert_nothing_left()


# --- §3.1: a request of the state before arrives in a later one ------------------------------------------------------


def test_3_1_1_initial_invite_repeated_after_the_200() -> None:
    """§3.1.1: the 180 is lost and the INVITE comes again in the moratorium: no second call, no 180."""
    network = Network()
    alice, bob = pair(network)
    invites: list[bytes] = []

    def keep(data: bytes, source: object, destination: object) -> list[bytes]:
        if data.startswith(b"INVITE"):
            invites.append(data)
        return [data]

    network.filter = keep
    bob.on_call = lambda session: (session.provisional(180), session.accept(ANSWER))  # type: ignore[func-returns-value]
    session = alice.call(BOB)
    network.run(0.1)
    network.inject(invites[0], alice.stack.local, BOB)
    network.run(1)
    assert len(bob.sessions) == 1 and bob.events == [("confirmed",)]
    assert alice.names == ["progressed", "answered"]
    hang_up_and_look(network, session)


def test_3_1_2_cancel_after_the_200() -> None:
    """§3.1.2: the 200 is on its way when the CANCEL comes: it is answered 200 and changes nothing; then BYE."""
    network = Network()
    alice, bob, session, called = ringing(network)
    slow(network, "SIP/2.0 200", 0.3)
    called.accept(ANSWER)
    session.cancel()
    network.run(2)
    assert alice.events[-1] == ("failed", 487)
    assert bob.events == [("confirmed",), ("ended", "bye")]
    network.assert_nothing_left()


@pytest.mark.parametrize("confirmed", [True, False], ids=["early dialog known", "its 180 lost"])
def test_3_1_3_bye_before_the_answer_is_known(confirmed: bool) -> None:
    """§3.1.3: the caller hangs up while ringing: that is a CANCEL here, once a provisional has come."""
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(180)
    if not confirmed:
        network.filter = losing("SIP/2.0 180", 1)
    session = alice.call(BOB)
    network.run(0.1)
    session.bye()
    network.run(2)
    assert alice.events[-1] == ("failed", 487) and bob.events[-1] == ("ended", "cancel")
    network.assert_nothing_left()


def test_3_1_4_reinvite_in_the_moratorium() -> None:
    """§3.1.4: the ACK is slow and the caller's re-INVITE overtakes it: 491, and again when it may."""
    network = Network()
    slow(network, "ACK", 0.3)
    alice, bob = pair(network)
    alice.on_answered = lambda session: session.reinvite(HOLD)
    session = alice.call(BOB)
    network.run(6)
    assert network.sent("SIP/2.0 491") == 1
    assert alice.events[-1] == ("reinvited", 200, ANSWER)
    assert bob.names == ["confirmed", "offered"]
    hang_up_and_look(network, session)


def test_3_1_5_reinvite_of_the_called_overtakes_its_200() -> None:
    """§3.1.5: nothing may be offered before the ACK: it waits, and so it cannot overtake."""
    network = Network()
    slow(network, "SIP/2.0 200", 0.3)
    alice, bob = pair(network)
    bob.on_call = lambda session: (session.accept(ANSWER), session.reinvite(HOLD))  # type: ignore[func-returns-value]
    session = alice.call(BOB)
    network.run(3)
    assert alice.events == [("answered", 200, ANSWER), ("offered", "INVITE", HOLD)]
    hang_up_and_look(network, session)


def test_3_1_6_bye_of_the_called_overtakes_its_200() -> None:
    """§3.1.6: a BYE may not leave before the ACK (RFC 3261 §15): it waits for it."""
    network = Network()
    slow(network, "SIP/2.0 200", 0.3)
    alice, bob = pair(network)
    bob.on_call = lambda session: (session.accept(ANSWER), session.bye())  # type: ignore[func-returns-value]
    alice.call(BOB)
    network.run(3)
    assert alice.events == [("answered", 200, ANSWER), ("ended", "bye")]
    assert network.sent("SIP/2.0 481") == 0
    network.assert_nothing_left()


# --- §3.2: a request of a state that is over -------------------------------------------------------------------------


def test_3_2_1_bye_of_both() -> None:
    """§3.2.1: both hang up: each BYE gets its 200."""
    network = Network()
    alice, bob, session, called = established(network)
    session.bye()
    called.bye()
    network.run(2)
    assert alice.events == bob.events == []
    assert network.sent("SIP/2.0 481") == 0
    network.assert_nothing_left()


@pytest.mark.parametrize("first", ["session", "called"])
def test_3_2_2_bye_and_reinvite_cross(first: str) -> None:
    """§3.2.2: the re-INVITE finds a call that is over: 481, and its sender hears no more than the BYE."""
    network = Network()
    alice, bob, session, called = established(network)
    one, other = (session, called) if first == "session" else (called, session)
    other_phone = bob if first == "session" else alice
    one.bye()
    other.reinvite(HOLD)
    network.run(2)
    assert network.sent("SIP/2.0 481") == 1
    assert other_phone.events == [("ended", "bye")]
    network.assert_nothing_left()


def test_3_2_3_200_of_a_reinvite_and_bye_cross() -> None:
    """§3.2.3: the 200 of a re-INVITE comes after our BYE: it gets its ACK all the same."""
    network = Network()
    _, bob, session, called = established(network)
    bob.on_offered = lambda leg, sdp: None
    session.reinvite(HOLD)
    network.run(0.1)
    slow(network, "BYE", 0.2)
    session.bye()
    called.answer_offer(ANSWER)
    network.run(2)
    assert network.sent("ACK") == 2
    assert bob.events[-1] == ("ended", "bye")
    network.assert_nothing_left()


def test_3_2_4_bye_of_the_called_while_its_reinvite_is_acked() -> None:
    """§3.2.4: the ACK of a re-INVITE comes after the BYE: it is dropped."""
    network = Network()
    alice, _, session, called = established(network)
    slow(network, "ACK", 0.3)
    session.reinvite(HOLD)
    network.run(0.01)
    called.bye()
    network.run(2)
    assert alice.events[-1] == ("ended", "bye")
    network.assert_nothing_left()


# --- §3.3: other -----------------------------------------------------------------------------------------------------


def test_3_3_2_update_and_reinvite_cross() -> None:
    """§3.3.2: an UPDATE with an offer meets our re-INVITE: 491 to both."""
    network = Network()
    _, _, session, called = established(network)
    called.reinvite(HOLD)
    network.inject(raw_in_dialog(session, "UPDATE", 50, HOLD), ALICE, BOB)
    network.run(0.1)
    assert network.sent("SIP/2.0 491") == 1
    network.run(5)
    hang_up_and_look(network, called)


def test_3_3_3_refer_and_bye_cross() -> None:
    """§3.3.3: a REFER that finds the call over gets 481."""
    far = Referrer()
    far.session.bye()
    far.refer(5, "Refer-To: <sip:301@romashka.example>")
    assert len(far.wire.take("SIP/2.0 481")) == 1
    assert far.bob.events == []


# --- Appendix A, B: BYE and CANCEL of early dialogs ------------------------------------------------------------------


CROSSINGS: list[tuple[str, Callable[[InviteSession], None]]] = [
    ("200", lambda called: called.accept(ANSWER)),
    ("486", lambda called: called.reject(486)),
    ("302", lambda called: called.reject(302)),
]


@pytest.mark.parametrize(("status", "answer"), CROSSINGS, ids=[status for status, _ in CROSSINGS])
def test_cancel_crosses_each_final_response(status: str, answer: Callable[[InviteSession], None]) -> None:
    network = Network()
    alice, _, session, called = ringing(network)
    session.cancel()
    answer(called)
    network.run(3)
    assert alice.events[-1] == ("failed", 487 if status == "200" else int(status))
    network.assert_nothing_left()
