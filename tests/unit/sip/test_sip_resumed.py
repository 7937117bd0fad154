"""A process is replaced in the middle of a call that is not answered yet: its snapshot makes the same legs again."""

import json
import random
from typing import Any

import orjson
import pytest
from unit.sip.sip_network import ALICE, ANSWER, BOB, OFFER, Network, Phone

from pbx.sip.session import InviteSession

pytestmark = pytest.mark.row("R33")


def kept(session: InviteSession) -> dict[str, Any]:
    """Through JSON, as on a disk."""
    return json.loads(json.dumps(session.snapshot()))


def replaced(network: Network, phone: Phone, session: InviteSession, **options: Any) -> tuple[Phone, InviteSession]:
    """Another process at the phone's address that knows what the first one kept."""
    return resumed(network, phone, kept(session), **options)


def resumed(network: Network, phone: Phone, shot: dict[str, Any], **options: Any) -> tuple[Phone, InviteSession]:
    new = Phone(network, phone.stack.local, rng=random.Random("another process"))
    again = new.stack.resume(shot, listener=new, **options)
    new.sessions.append(again)
    return new, again


def ringing(network: Network, **options: Any) -> tuple[Phone, Phone, InviteSession, InviteSession]:
    alice, bob = Phone(network, ALICE), Phone(network, BOB, **options)
    bob.on_call = lambda session: session.provisional(180)
    session = alice.call(BOB)
    network.run(1)
    return alice, bob, session, bob.sessions[0]


def test_a_call_that_we_ring_goes_on_ringing_and_is_answered() -> None:
    network = Network()
    alice, bob, session, called = ringing(network)
    new, again = replaced(network, alice, session)
    network.run(1)
    assert new.events == [("progressed", 180, None)]  # told anew by whoever has the INVITE already
    assert len(bob.sessions) == 1 and network.sent("INVITE") == 2
    called.accept(ANSWER)
    network.run(1)
    assert new.events[-1] == ("answered", 200, ANSWER) and again.is_established and called.is_established
    again.bye()
    network.assert_nothing_left()


def test_a_name_in_latin_1_is_kept_as_it_was_sent() -> None:
    network = Network()
    _, bob, _, called = ringing(network)
    called.accept(ANSWER)
    network.run(1)
    called.dialog.remote = '"J\udcfcrgen Иван" <sip:201@x.example>;tag=1'
    shot = json.loads(orjson.dumps(called.snapshot()))
    _, again = resumed(network, bob, shot)
    assert again.dialog.remote == called.dialog.remote


def test_an_answer_that_came_while_nobody_was_there_is_heard() -> None:
    network = Network()
    alice, _, session, called = ringing(network)
    shot = kept(session)
    network.filter = lambda data, source, destination: [] if destination == ALICE else [data]
    called.accept(ANSWER)
    network.run(2)  # lost: the process is dead
    network.filter = lambda data, source, destination: [data]
    _, again = resumed(network, alice, shot)
    network.run(4)
    assert again.is_established and called.is_established
    assert network.sent("ACK") == 1
    called.bye()
    network.assert_nothing_left()


def test_a_call_that_we_ring_is_given_up() -> None:
    network = Network()
    alice, bob, session, _ = ringing(network)
    new, again = replaced(network, alice, session)
    again.cancel([("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    network.run(1)
    assert new.events == [("failed", 487)]
    assert bob.events[-1][:1] == ("ended",)
    network.assert_nothing_left()


def test_an_invite_that_was_kept_and_never_sent_is_sent() -> None:
    network = Network()
    alice, bob = Phone(network, ALICE), Phone(network, BOB)
    network.filter = lambda data, source, destination: []
    session = alice.call(BOB)
    _, again = replaced(network, alice, session)
    network.filter = lambda data, source, destination: [data]
    network.run(1)
    assert again.is_established and len(bob.sessions) == 1
    again.bye()
    network.assert_nothing_left()


def test_a_peer_that_asks_for_a_login_is_given_it_again() -> None:
    network = Network()
    alice, bob = Phone(network, ALICE), Phone(network, BOB)
    bob.on_call = lambda session: session.provisional(180)
    session = alice.call(BOB, credentials=("pbx", "secret"))
    network.run(1)
    _, again = replaced(network, alice, session, credentials=("pbx", "secret"))
    network.run(0.1)
    bob.sessions[0].reject(407, headers=[("Proxy-Authenticate", 'Digest realm="r", nonce="n", algorithm=MD5')])
    bob.on_call = lambda session: session.accept(ANSWER)
    network.run(1)
    assert again.is_established
    assert any(b"Proxy-Authorization" in data for _, source, _, data in network.log if source == ALICE)
    again.bye()
    network.assert_nothing_left()


def test_a_caller_whose_call_is_not_answered_yet_is_answered_by_the_next_process() -> None:
    network = Network()
    _, bob, session, called = ringing(network)
    tag = called.local_tag
    new, again = replaced(network, bob, called)
    assert again.local_tag == tag and again.remote_sdp == OFFER and again.is_early_uas
    network.run(1)
    assert network.sent("SIP/2.0 180") == 1
    again.provisional(180)
    again.accept(ANSWER)
    network.run(1)
    assert session.is_established and again.is_established and new.events[-1] == ("confirmed",)
    assert session.remote_tag == tag
    session.bye()
    network.assert_nothing_left()


def test_a_caller_who_gives_up_is_heard_by_the_next_process() -> None:
    network = Network()
    alice, bob, session, called = ringing(network)
    new, _ = replaced(network, bob, called)
    session.cancel()
    network.run(1)
    assert alice.events[-1] == ("failed", 487)
    assert new.events[-1][0] == "ended"
    network.assert_nothing_left()


def test_the_next_process_goes_on_counting_what_it_wants_confirmed() -> None:
    network = Network()
    alice, bob = Phone(network, ALICE), Phone(network, BOB)
    bob.on_call = lambda session: session.provisional(183, sdp=ANSWER)
    session = alice.call(BOB, headers=[("Require", "100rel")])
    network.run(1)
    called = bob.sessions[0]
    assert called.is_agreed_early
    _, again = replaced(network, bob, called)
    again.provisional(180)
    network.run(1)
    assert alice.events[-1] == ("progressed", 180, None)
    assert network.sent("PRACK") == 2
    again.accept(ANSWER)
    network.run(1)
    assert session.is_established and again.is_established
    assert not [data for _, source, _, data in network.log if source == BOB and data.startswith(b"SIP/2.0 481")]
    session.bye()
    network.assert_nothing_left()


def test_an_invite_that_came_again_meanwhile_finds_its_transaction() -> None:
    network = Network()
    alice, bob = Phone(network, ALICE), Phone(network, BOB)
    bob.on_call = lambda session: None
    network.filter = lambda data, source, destination: [] if destination == ALICE else [data]
    session = alice.call(BOB)
    network.run(0.1)
    new, again = replaced(network, bob, bob.sessions[0])
    again.provisional(100)
    network.filter = lambda data, source, destination: [data]
    network.run(1)
    assert new.sessions == [again]
    again.accept(ANSWER)
    network.run(1)
    assert session.is_established
    session.bye()
    network.assert_nothing_left()


def test_what_is_no_invite_makes_no_leg() -> None:
    network = Network()
    _, bob, _, called = ringing(network)
    shot = kept(called)
    for raw in ("", "nonsense\r\n\r\n", shot["invite"]["raw"].replace("INVITE", "MESSAGE"), "SIP/2.0 200 OK\r\n\r\n"):
        with pytest.raises(ValueError):
            bob.stack.resume({**shot, "invite": {**shot["invite"], "raw": raw}}, listener=bob)
