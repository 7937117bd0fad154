"""REFER with its NOTIFYs (RFC 3515, 4488) and Replaces (RFC 3891): the stack's half of a transfer."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import ALICE, BOB, CAROL, Network, Phone, Wire
from unit.sip.test_sip_reliable import prack_of, raw_invite

from pbx.sip.replaces import Replaces, of_uri, parse


class Referrer:
    """A scripted caller whose call with bob is up, and who refers him."""

    def __init__(self, *, transfers: bool = True) -> None:
        self.network = Network()
        self.bob = Phone(self.network, BOB, transfers=transfers)
        self.wire = Wire(self.network, ALICE)
        self.sent: list[bytes] = []
        self.send(raw_invite())
        (self.ok,) = self.wire.take("SIP/2.0 200")
        self.send(prack_of(self.ok, 1, method="ACK", rack=""))
        self.session = self.bob.sessions[0]
        self.bob.events.clear()

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        self.wire.send(data, BOB)
        self.network.run(0.01)

    def refer(self, cseq: int, *lines: str) -> None:
        self.send(prack_of(self.ok, cseq, method="REFER", rack="".join(f"{line}\r\n" for line in lines)))

    def notified(self, status: int = 200) -> list[tuple[str, str, str]]:
        """(Event, Subscription-State without its time, first line of the body) of each NOTIFY; each is answered."""
        found = []
        for data in self.wire.take("NOTIFY"):
            head, _, body = data.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            found.append((lines["Event"], lines["Subscription-State"].partition("=")[0], body.decode().strip()))
            echo = [f"{name}: {lines[name]}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
            self.send(f"SIP/2.0 {status} X\r\n{''.join(echo)}Content-Length: 0\r\n\r\n".encode())
        return found


def test_refer_is_accepted_and_told_to_its_end() -> None:
    far = Referrer()
    far.refer(2, "Refer-To: <sip:301@romashka.example>", "Referred-By: <sip:201@romashka.example>")
    assert len(far.wire.take("SIP/2.0 202")) == 1
    assert far.bob.events == [("referred", "sip:301@romashka.example", None)]
    referral = far.bob.referrals[0]
    assert referral.referred_by == "<sip:201@romashka.example>"
    assert far.notified() == [("refer", "active;expires", "SIP/2.0 100 Trying")]
    referral.progress(180)
    far.network.run(0.01)
    assert far.notified() == [("refer", "active;expires", "SIP/2.0 180 Ringing")]
    referral.finish(200)
    far.network.run(0.01)
    assert far.notified() == [("refer", "terminated;reason", "SIP/2.0 200 OK")]
    referral.progress(180)
    referral.finish(486)
    far.network.run(0.01)
    assert far.notified() == []
    far.session.bye()
    far.network.assert_nothing_left()


def test_news_that_come_while_one_is_under_way_are_told_by_the_last() -> None:
    far = Referrer()
    far.refer(2, "Refer-To: <sip:301@romashka.example>")
    far.bob.referrals[0].progress(180)
    far.bob.referrals[0].progress(183)
    far.bob.referrals[0].finish(486)
    far.network.run(0.01)
    assert far.notified() == [("refer", "active;expires", "SIP/2.0 100 Trying")]
    far.network.run(0.01)
    assert far.notified() == [("refer", "terminated;reason", "SIP/2.0 486 Busy Here")]


def test_refused_referral() -> None:
    far = Referrer()
    far.bob.on_referred = lambda referral: referral.reject(603)
    far.refer(2, "Refer-To: <sip:301@romashka.example>")
    assert len(far.wire.take("SIP/2.0 603")) == 1
    assert far.notified() == []
    far.session.bye()
    far.network.assert_nothing_left()


def test_peer_that_wants_no_news() -> None:
    far = Referrer()
    far.refer(2, "Refer-To: <sip:301@romashka.example>", "Refer-Sub: false", "Require: norefersub")
    (accepted,) = far.wire.take("SIP/2.0 202")
    assert b"\r\nRefer-Sub: false\r\n" in accepted
    far.bob.referrals[0].finish(200)
    far.network.run(0.01)
    assert far.notified() == []


def test_second_refer_of_a_call_is_told_by_its_id() -> None:
    far = Referrer()
    far.refer(2, "Refer-To: <sip:301@romashka.example>")
    far.refer(7, "Refer-To: <sip:302@romashka.example>")
    assert [event for event, *_ in far.notified()] == ["refer", "refer;id=7"]
    far.session.bye()
    for referral in far.bob.referrals:
        referral.finish(200)
    far.network.run(0.01)
    assert [event for event, *_ in far.notified()] == ["refer", "refer;id=7"]  # also after the BYE (RFC 5057)
    far.network.assert_nothing_left()


def test_peer_that_stops_listening() -> None:
    far = Referrer()
    far.refer(2, "Refer-To: <sip:301@romashka.example>")
    far.notified(481)
    far.bob.referrals[0].progress(180)
    far.network.run(0.1)
    assert far.notified() == []
    assert far.session.is_established  # the call goes on


def test_peer_that_unsubscribes() -> None:
    far = Referrer()
    far.refer(2, "Refer-To: <sip:301@romashka.example>")
    far.notified()
    far.send(prack_of(far.ok, 3, method="SUBSCRIBE", rack="Event: refer\r\nExpires: 0\r\n"))
    assert len(far.wire.take("SIP/2.0 200")) == 1
    assert [state for _, state, _ in far.notified()] == ["terminated;reason"]
    far.bob.referrals[0].finish(200)
    far.network.run(0.01)
    assert far.notified() == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((), 400),
        (("Refer-To: <sip:301@x>", "Refer-To: <sip:302@x>"), 400),
        (("Refer-To: <http://x/>",), 400),
        (('Refer-To: "a <sip:x',), 400),
        (("Refer-To: <sip:301@x?Replaces=nonsense>",), 400),
        (("Refer-To: <sip:301@x;method=BYE>",), 603),
    ],
)
def test_refers_that_are_not_served(lines: tuple[str, ...], status: int) -> None:
    far = Referrer()
    far.refer(2, *lines)
    assert len(far.wire.take(f"SIP/2.0 {status}")) == 1
    assert far.bob.events == []


def test_stack_without_transfers_says_405_and_does_not_offer_them() -> None:
    far = Referrer(transfers=False)
    assert b"REFER" not in far.ok and b"replaces" not in far.ok
    far.refer(2, "Refer-To: <sip:301@romashka.example>")
    assert len(far.wire.take("SIP/2.0 405")) == 1


def test_attended_transfer_names_the_other_leg() -> None:
    far = Referrer()
    far.refer(2, "Refer-To: <sip:301@x?Replaces=abc%40h%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    assert far.bob.events == [("referred", "sip:301@x", Replaces("abc@h", "1", "2"))]


# --- Replaces --------------------------------------------------------------------------------------------------------


def replacing(value: str, *more: str) -> bytes:
    invite = raw_invite(f"Replaces: {value}", *more)
    return invite.replace(b"Call-ID: raw", b"Call-ID: other").replace(b"z9hG4bKraw", b"z9hG4bKother")


def test_invite_that_replaces_a_call() -> None:
    far = Referrer()
    there = Replaces("raw", far.session.local_tag, "a")
    far.send(replacing(str(there), "Require: replaces"))
    assert far.bob.sessions[1].replaces is far.session
    assert len(far.wire.take("SIP/2.0 200")) == 1


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("raw;to-tag=unknown;from-tag=a", 481),
        ("raw;to-tag=TAG;from-tag=unknown", 481),
        ("elsewhere;to-tag=TAG;from-tag=a", 481),
        ("raw;to-tag=TAG;from-tag=a;early-only", 486),
        ("raw;to-tag=TAG", 400),
        ("raw;to-tag=TAG;from-tag=a\r\nReplaces: raw;to-tag=TAG;from-tag=a", 400),
    ],
)
def test_replaces_that_are_refused(value: str, status: int) -> None:
    far = Referrer()
    far.send(replacing(value.replace("TAG", far.session.local_tag)))
    assert len(far.wire.take(f"SIP/2.0 {status}")) == 1
    assert len(far.bob.sessions) == 1


def test_call_that_has_ended_is_not_replaced() -> None:
    far = Referrer()
    far.session.bye()
    far.send(replacing(str(Replaces("raw", far.session.local_tag, "a"))))
    assert len(far.wire.take("SIP/2.0 603")) == 1


def test_call_that_rings_here_is_not_replaced_but_one_that_we_ring_is() -> None:
    network = Network()
    bob, alice = Phone(network, BOB, transfers=True), Phone(network, ALICE)
    wire = Wire(network, CAROL)
    bob.on_call = lambda session: session.provisional(180)
    alice.on_call = lambda session: session.provisional(180)
    alice.call(BOB)
    ringing = bob.call(ALICE)
    network.run(0.1)
    wire.send(replacing(str(Replaces(alice.sessions[0].call_id, bob.sessions[-1].local_tag, "x"))), BOB)
    network.run(0.1)
    assert len(wire.take("SIP/2.0 481")) == 1
    early = Replaces(ringing.call_id, ringing.local_tag, ringing.remote_tag, early_only=True)
    wire.send(replacing(str(early)).replace(b"other", b"third"), BOB)
    network.run(0.1)
    assert bob.sessions[-1].replaces is ringing


def test_replaces_means_nothing_where_transfers_are_not_served() -> None:
    far = Referrer(transfers=False)
    far.send(replacing(str(Replaces("raw", far.session.local_tag, "a"))))
    assert far.bob.sessions[1].replaces is None
    far.send(replacing("x;to-tag=1;from-tag=2", "Require: replaces").replace(b"other", b"third"))
    assert len(far.wire.take("SIP/2.0 420")) == 1


@pytest.mark.parametrize("value", ["", "x", "x;to-tag=1", "x;from-tag=1", ";to-tag=1;from-tag=2"])
def test_broken_replaces(value: str) -> None:
    with pytest.raises(ValueError, match="Replaces"):
        parse(value)


def test_replaces_reads_what_it_writes() -> None:
    for value in (Replaces("a@b", "1", "2"), Replaces("a", "1", "2", True)):
        assert parse(str(value)) == value
    assert of_uri("") is None and of_uri("Require=replaces") is None
