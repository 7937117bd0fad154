"""SUBSCRIBE and NOTIFY as a dialog usage (RFC 6665): accepted, refreshed, ended by either side, lost."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import ALICE, BOB, Network, Phone, Wire

from pbx.sip.subscription import Subscription, SubscriptionState
from pbx.sip.subscriptions import DEFAULT, LEAST

BODY, KIND = b"<dialog-info/>", "application/dialog-info+xml"
CHANGED = b"<dialog-info version='2'/>"


class Watcher:
    """A scripted phone that watches bob, and bob's owner of the package `dialog`."""

    def __init__(self, *, pending: bool = False) -> None:
        self.network = Network()
        self.told: list[str] = []
        self.sent: list[bytes] = []
        self.all: list[Subscription] = []
        self.pending = pending
        self.retry = ""  # a further line of its answers
        self.bob = Phone(self.network, BOB, events={"dialog": self.asked})
        self.wire = Wire(self.network, ALICE)
        self.to = "<sip:202@romashka.example>"

    def asked(self, subscription: Subscription) -> None:
        self.all.append(subscription)
        subscription.listener = self
        subscription.accept(pending=self.pending)
        subscription.notify(BODY, KIND, active=not self.pending)

    def refreshed(self, subscription: Subscription) -> None:
        self.told.append("refreshed")
        subscription.notify(BODY, KIND)

    def delayed(self, subscription: Subscription, after: int) -> None:
        self.told.append(f"delayed {after}")

    def unsubscribed(self, subscription: Subscription, cause: str) -> None:
        self.told.append(cause)

    def subscribe(self, cseq: int, *lines: str, event: str = "dialog", contact: str = "<sip:201@192.0.2.1>") -> bytes:
        """Send a SUBSCRIBE; its answer."""
        head = [
            "SUBSCRIBE sip:202@192.0.2.2 SIP/2.0",
            f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKs{cseq}",
            "From: <sip:201@romashka.example>;tag=w",
            f"To: {self.to}",
            "Call-ID: watch",
            f"CSeq: {cseq} SUBSCRIBE",
            *([f"Contact: {contact}"] if contact else []),
            *([f"Event: {event}"] if event else []),
            *lines,
            "Content-Length: 0",
            "",
            "",
        ]
        self.sent.append("\r\n".join(head).encode())
        self.wire.send(self.sent[-1], BOB)
        self.network.run(0.01)
        (answer,) = self.wire.take("SIP/2.0 ")
        if b" 200 " in answer.split(b"\r\n")[0]:
            self.to = next(line[4:] for line in answer.decode().split("\r\n") if line.startswith("To: "))
        return answer

    def notified(self, status: int = 200) -> list[tuple[str, bytes]]:
        """(Subscription-State, body) of each NOTIFY that came; each is answered."""
        self.network.run(0.01)
        found = []
        for data in self.wire.take("NOTIFY"):
            head, _, body = data.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            found.append((lines["Subscription-State"], body))
            echo = [f"{name}: {lines[name]}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
            answer = f"SIP/2.0 {status} X\r\n{''.join(echo)}{self.retry}Content-Length: 0\r\n\r\n"
            self.wire.send(answer.encode(), BOB)
            self.network.run(0.01)
        return found


def test_a_life_of_a_subscription() -> None:
    watcher = Watcher()
    ok = watcher.subscribe(1, "Expires: 600")
    assert b"\r\nExpires: 600\r\n" in ok and b"\r\nContact: <sip:192.0.2.2:5060>\r\n" in ok
    assert watcher.notified() == [("active;expires=600", BODY)]
    watcher.network.run(100)
    watcher.all[0].notify(CHANGED, KIND)
    assert watcher.notified() == [("active;expires=500", CHANGED)]
    watcher.subscribe(2, "Expires: 600")
    assert watcher.notified() == [("active;expires=600", BODY)]
    assert watcher.told == ["refreshed"] and len(watcher.all) == 1
    watcher.subscribe(3, "Expires: 0")
    assert watcher.notified() == [("terminated;reason=timeout", BODY)]
    assert watcher.told == ["refreshed", "ended"]
    assert b" 481 " in watcher.subscribe(4, "Expires: 600")
    watcher.network.assert_nothing_left()


def test_it_expires_when_nobody_refreshes() -> None:
    watcher = Watcher()
    watcher.subscribe(1, "Expires: 60")
    watcher.notified()
    watcher.network.run(66)
    assert watcher.told == ["expired"]
    assert set(watcher.notified()) == {("terminated;reason=timeout", BODY)}
    watcher.network.assert_nothing_left()


def test_only_to_look() -> None:
    watcher = Watcher()
    assert b"\r\nExpires: 0\r\n" in watcher.subscribe(1, "Expires: 0")
    assert watcher.notified() == [("terminated;reason=timeout", BODY)]
    watcher.network.assert_nothing_left()


def test_pending_until_it_may_be_told() -> None:
    watcher = Watcher(pending=True)
    watcher.subscribe(1)
    assert watcher.notified() == [(f"pending;expires={DEFAULT}", BODY)]
    watcher.all[0].notify(CHANGED, KIND)
    assert watcher.notified() == [(f"active;expires={DEFAULT}", CHANGED)]
    assert watcher.all[0].state is SubscriptionState.ACTIVE


def test_we_end_it() -> None:
    watcher = Watcher()
    watcher.subscribe(1)
    watcher.notified()
    watcher.all[0].end("deactivated")
    assert watcher.notified() == [("terminated;reason=deactivated", BODY)]
    watcher.all[0].notify(CHANGED, KIND)
    assert watcher.told == []
    watcher.network.assert_nothing_left()


@pytest.mark.parametrize("status", [481, 489, 0])
def test_watcher_that_is_gone(status: int) -> None:
    watcher = Watcher()
    watcher.subscribe(1)
    if status:
        watcher.notified(status)
    else:
        watcher.network.run(33)
    assert watcher.told == ["lost"]
    assert len(watcher.bob.stack.subscriptions) == 0
    watcher.network.assert_nothing_left()


def test_a_failure_that_is_no_end() -> None:
    watcher = Watcher()
    watcher.subscribe(1)
    watcher.notified(500)
    watcher.all[0].notify(CHANGED, KIND)
    assert len(watcher.notified()) == 1 and watcher.told == []


def test_failure_that_says_when_to_try_again_is_no_end() -> None:
    watcher = Watcher()
    watcher.subscribe(1)
    watcher.retry = "Retry-After: 5 (no connection);duration=9\r\n"
    watcher.notified(480)
    assert watcher.told == ["delayed 5"] and len(watcher.bob.stack.subscriptions) == 1
    watcher.all[0].notify(CHANGED, KIND)
    watcher.notified(481)
    assert watcher.told == ["delayed 5", "lost"]
    watcher.network.assert_nothing_left()


def test_of_many_changes_the_last_is_told() -> None:
    watcher = Watcher()
    watcher.subscribe(1)
    for number in range(10):
        watcher.all[0].notify(b"%d" % number, KIND)
    assert [body for _, body in watcher.notified()] == [BODY]
    assert [body for _, body in watcher.notified()] == [b"9"]


def test_refused_by_its_owner() -> None:
    watcher = Watcher()
    watcher.asked = lambda subscription: subscription.reject(403)  # type: ignore[method-assign]
    watcher.bob.stack.subscriptions._events = {"dialog": watcher.asked}
    assert b" 403 " in watcher.subscribe(1)
    assert watcher.notified() == []
    watcher.network.assert_nothing_left()


def test_what_is_told_is_written_when_it_leaves() -> None:
    watcher = Watcher()
    watcher.asked = lambda subscription: watcher.all.append(subscription) or subscription.accept()  # type: ignore[method-assign,func-returns-value]
    watcher.bob.stack.subscriptions._events = {"dialog": watcher.asked}
    watcher.subscribe(1)
    (subscription,) = watcher.all
    state = "one"
    for _ in range(3):
        subscription.notify(lambda number: f"{number} {state}".encode(), KIND)
    state = "two"
    assert [body for _, body in watcher.notified()] == [b"0 one"]
    assert [body for _, body in watcher.notified()] == [b"1 two"]


def test_resumed_subscription_goes_on() -> None:
    """Another process has it from its snapshot: told with a higher CSeq, refreshed, ended."""
    watcher = Watcher()
    watcher.subscribe(1, "Expires: 600")
    watcher.notified()
    kept = watcher.all[0].snapshot()
    watcher.network = Network()
    watcher.bob = Phone(watcher.network, BOB, events={"dialog": watcher.asked})
    watcher.wire = Wire(watcher.network, ALICE)
    again = watcher.bob.stack.resume_subscription(kept, 100.0)
    again.listener = watcher
    again.notify(lambda number: b"%d" % number, KIND)
    assert watcher.notified() == [("active;expires=100", b"1001")]
    assert b" 200 " in watcher.subscribe(2, "Expires: 600") and watcher.told == ["refreshed"]
    watcher.notified()
    assert b" 200 " in watcher.subscribe(3, "Expires: 0") and watcher.told == ["refreshed", "ended"]
    assert [state for state, _ in watcher.notified()] == ["terminated;reason=timeout"]
    watcher.network.assert_nothing_left()


def test_resumed_subscription_expires() -> None:
    watcher = Watcher()
    watcher.subscribe(1, "Expires: 600")
    kept = watcher.all[0].snapshot()
    watcher.network = Network()
    watcher.bob = Phone(watcher.network, BOB, events={"dialog": watcher.asked})
    watcher.bob.stack.resume_subscription(kept, 20.0).listener = watcher
    watcher.network.run(26)
    assert watcher.told == ["expired"]
    watcher.network.assert_nothing_left()


@pytest.mark.parametrize(
    ("lines", "event", "contact", "status"),
    [
        ((), "presence", "<sip:201@192.0.2.1>", 489),
        ((), "", "<sip:201@192.0.2.1>", 489),
        ((), "dialog;x=ü", "<sip:201@192.0.2.1>", 489),
        ((), "dialog", "", 400),
        ((f"Expires: {LEAST - 1}",), "dialog", "<sip:201@192.0.2.1>", 423),
        (("Require: nothing",), "dialog", "<sip:201@192.0.2.1>", 420),
        (("Max-Forwards: 0",), "dialog", "<sip:201@192.0.2.1>", 483),
        (("Record-Route: nonsense",), "dialog", "<sip:201@192.0.2.1>", 400),
    ],
)
def test_subscriptions_that_are_refused(lines: tuple[str, ...], event: str, contact: str, status: int) -> None:
    watcher = Watcher()
    answer = watcher.subscribe(1, *lines, event=event, contact=contact)
    assert answer.startswith(b"SIP/2.0 %d" % status)
    if status == 489:
        assert b"\r\nAllow-Events: dialog\r\n" in answer
    assert watcher.all == [] and watcher.notified() == []


def test_refresh_that_is_late_or_of_another_event() -> None:
    watcher = Watcher()
    watcher.subscribe(5)
    watcher.notified()
    assert b" 500 " in watcher.subscribe(4)
    assert b" 481 " in watcher.subscribe(6, event="dialog;id=2")
    assert b" 423 " in watcher.subscribe(7, "Expires: 5")
    assert watcher.told == []


def test_stack_without_events_says_405() -> None:
    network = Network()
    bob, wire = Phone(network, BOB), Wire(network, ALICE)
    data = (
        "SUBSCRIBE sip:202@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKs\r\n"
        "From: <sip:201@x>;tag=w\r\nTo: <sip:202@x>\r\nCall-ID: c\r\nCSeq: 1 SUBSCRIBE\r\n"
        "Contact: <sip:201@192.0.2.1>\r\nEvent: dialog\r\n\r\n"
    )
    wire.send(data.encode(), BOB)
    network.run(0.1)
    assert len(wire.take("SIP/2.0 405")) == 1 and bob.stack.faults == 0


def test_many_subscriptions_are_all_told_and_all_forgotten() -> None:
    """All are told of a change, and refreshes find theirs; nothing is left when their time is over."""
    network = Network()
    all_of_them: list[Subscription] = []

    def asked(subscription: Subscription) -> None:
        all_of_them.append(subscription)
        subscription.accept()
        subscription.notify(BODY, KIND)

    bob = Phone(network, BOB, events={"dialog": asked})
    for number in range(1000):
        data = (
            "SUBSCRIBE sip:202@192.0.2.2 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}\r\n"
            f"From: <sip:201@x>;tag=w\r\nTo: <sip:202@x>\r\nCall-ID: c{number}\r\nCSeq: 1 SUBSCRIBE\r\n"
            "Contact: <sip:201@192.0.2.1>\r\nEvent: dialog\r\nExpires: 120\r\n\r\n"
        )
        bob.stack.receive(data.encode(), ALICE)
    assert len(bob.stack.subscriptions) == len(all_of_them) == 1000
    out = [data.split(b" ", 1)[0] for _, data in bob.stack.take_output()]
    assert out.count(b"NOTIFY") == 1000
    network.assert_nothing_left()
