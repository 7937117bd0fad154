"""Session timers (RFC 4028): who refreshes, what is too short, and calls whose other end is gone."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import ALICE, ANSWER, BOB, Network, Phone, Wire, answer_to, established, pair
from unit.sip.test_sip_reliable import Caller, prack_of, raw_invite

from pbx.sip import Address
from pbx.sip.session_timer import INTERVAL, MIN_SE

TIMER = "Supported: timer"
CONTACT = "Contact: <sip:202@192.0.2.2>"


def expires_of(data: bytes) -> str:
    found = [line for line in data.decode().split("\r\n") if line.startswith("Session-Expires: ")]
    return found[0].removeprefix("Session-Expires: ") if found else ""


def answered(*lines: str) -> tuple[Caller, bytes]:
    """A scripted caller whose call is up; the 200 that it got."""
    caller = Caller(*lines)
    caller.session.accept(ANSWER)
    (ok,) = caller.take("SIP/2.0 200")
    caller.send(prack_of(ok, 1, method="ACK", rack=""))
    assert caller.session.is_established
    return caller, ok


@pytest.mark.parametrize(
    ("lines", "granted", "required"),
    [
        ((), "", False),  # does not know it: we ask it all the same, unsaid
        ((TIMER,), f"{INTERVAL};refresher=uas", False),
        ((TIMER, "Session-Expires: 600"), "600;refresher=uac", True),
        ((TIMER, "Session-Expires: 600;refresher=uas"), "600;refresher=uas", False),
        ((TIMER, "x: 600;refresher=uac"), "600;refresher=uac", True),  # the compact form
        ((TIMER, "Session-Expires: 100", "Min-SE: 200"), "200;refresher=uac", True),
        (("Session-Expires: 30",), "90;refresher=uas", False),  # of a proxy on the way: the phone knows nothing of it
    ],
)
def test_what_we_grant(lines: tuple[str, ...], granted: str, required: bool) -> None:
    _, ok = answered(*lines)
    assert expires_of(ok) == granted
    assert (b"\r\nRequire: timer\r\n" in ok) is required


def test_too_short_an_interval_gets_422() -> None:
    network = Network()
    bob, wire = Phone(network, BOB), Wire(network, ALICE)
    wire.send(raw_invite(TIMER, "Session-Expires: 89"), BOB)
    network.run(0.1)
    (refused,) = wire.take("SIP/2.0 422")
    assert f"\r\nMin-SE: {MIN_SE}\r\n".encode() in refused
    assert bob.sessions == []


def test_caller_that_does_not_refresh_is_hung_up() -> None:
    caller, _ = answered(TIMER, "Session-Expires: 120")
    caller.network.run(120 - 32 - 1)
    assert caller.wire.take("BYE") == []
    caller.network.run(10)
    (bye, *_) = caller.wire.take("BYE")
    assert b"Reason: SIP;cause=408" in bye
    assert caller.bob.events[-1] == ("ended", "timeout")


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_caller_that_refreshes_keeps_the_call(method: str) -> None:
    caller, ok = answered(TIMER, "Session-Expires: 120")
    for number in range(10, 14):
        caller.network.run(60)
        lines = "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n"
        sdp = ANSWER if method == "INVITE" else b""
        caller.send(prack_of(ok, number, sdp, method=method, rack=lines))
        (again,) = caller.take("SIP/2.0 200")
        assert expires_of(again) == "120;refresher=uac"
        if method == "INVITE":
            caller.send(prack_of(ok, number, method="ACK", rack=""))
    assert caller.session.is_established


def test_refresh_that_is_too_short_gets_422_and_leaves_the_call() -> None:
    caller, ok = answered(TIMER, "Session-Expires: 120")
    caller.send(prack_of(ok, 9, method="UPDATE", rack="Supported: timer\r\nSession-Expires: 20\r\n"))
    assert len(caller.take("SIP/2.0 422")) == 1
    assert caller.session.is_established


def test_two_of_us_refresh_by_update_for_hours() -> None:
    network = Network()
    _, bob, session, called = established(network)
    network.run(4 * 3600)
    assert session.is_established and called.is_established
    assert 14 <= network.sent("UPDATE") <= 16
    assert network.sent("INVITE") == 1 and bob.events == []
    session.bye()
    network.assert_nothing_left()


def test_peer_without_the_extension_is_asked_by_reinvite_and_found_dead() -> None:
    network = Network()
    alice, far = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB)
    network.run(0.01)
    (invite,) = far.take("INVITE")
    assert expires_of(invite) == str(INTERVAL)
    far.send(answer_to(invite, 200, "b", CONTACT, body=ANSWER), ALICE)
    network.run(INTERVAL / 2 + 6)
    again = far.take("INVITE")[0]
    assert expires_of(again) == f"{INTERVAL};refresher=uac"
    far.send(answer_to(again, 200, "b", CONTACT, body=ANSWER), ALICE)
    network.run(INTERVAL / 2)
    assert session.is_established
    network.run(60)  # and this one stays without an answer
    assert len(far.take("INVITE")) >= 2
    assert alice.events[-1] == ("ended", "timeout")
    network.assert_nothing_left()


@pytest.mark.parametrize("status", [405, 501])
def test_peer_that_refuses_update_is_asked_by_reinvite(status: int) -> None:
    network = Network()
    alice, far = Phone(network, ALICE), Wire(network, BOB)
    alice.call(BOB)
    network.run(0.01)
    (invite,) = far.take("INVITE")
    far.send(answer_to(invite, 200, "b", CONTACT, "Allow: INVITE, UPDATE", body=ANSWER), ALICE)
    network.run(INTERVAL / 2 + 6)
    update = far.take("UPDATE")[0]
    far.send(answer_to(update, status, "b"), ALICE)
    network.run(0.1)
    assert len(far.take("INVITE")) == 1


def test_refresh_met_by_a_peer_that_forgot_the_call() -> None:
    network = Network()
    alice, bob, _, called = established(network)
    bob.stack.forget(called)
    network.run(INTERVAL / 2 + 6)
    assert alice.events == [("ended", "timeout")]
    network.assert_nothing_left()


def test_peer_asks_for_a_longer_interval() -> None:
    network = Network()
    alice, far = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB)
    network.run(0.01)
    (invite,) = far.take("INVITE")
    far.send(answer_to(invite, 422, "b", "Min-SE: 3600"), ALICE)
    network.run(0.01)
    (second,) = far.take("INVITE")
    assert expires_of(second) == "3600" and b"\r\nMin-SE: 3600\r\n" in second
    far.send(answer_to(second, 200, "c", CONTACT, TIMER, "Session-Expires: 3600;refresher=uas", body=ANSWER), ALICE)
    network.run(3600 - 60)
    assert session.is_established and far.take("UPDATE") == far.take("INVITE") == []
    network.run(60)
    assert alice.events[-1] == ("ended", "timeout")
    assert b"Reason: SIP;cause=408" in far.take("BYE")[0]


def test_422_that_says_nothing_new_ends_the_call() -> None:
    network = Network()
    alice, far = Phone(network, ALICE), Wire(network, BOB)
    alice.call(BOB)
    network.run(0.01)
    (invite,) = far.take("INVITE")
    far.send(answer_to(invite, 422, "b"), ALICE)
    network.run(0.01)
    assert alice.events == [("failed", 422)]


def test_ringing_is_not_timed() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.provisional(180)
    alice.call(Address("udp", "192.0.2.2", 5060))
    network.run(INTERVAL)
    assert alice.names.count("failed") == 0
    bob.sessions[0].reject(486)
    network.assert_nothing_left()
