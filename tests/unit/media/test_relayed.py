"""Digits of relayed calls between the agent of a relay and the call processes: in order, once, and none is lost."""

import json
from typing import Any

import pytest

from pbx.media.relayed import GIVE_UP_AFTER, GONE_AFTER, SEND_AGAIN, Inbox, Outbox

ONE, OTHER = ("10.0.0.1", 4000), ("10.0.0.2", 4000)


def event(session: str = "t1-c1", tag: str = "A", event: int = 5) -> bytes:
    """As rtpengine writes it."""
    told = {"callid": session, "source_tag": tag, "tags": [tag], "type": "DTMF", "timestamp": 1, "event": event}
    return json.dumps({**told, "duration": 120, "volume": 10}).encode()


class Process:
    """A call process that has these sessions."""

    def __init__(self, *sessions: str) -> None:
        self.sessions = set(sessions)
        self.heard: list[tuple[str, str, str, int]] = []
        self.inbox = Inbox("calls1.1", self._take)

    def _take(self, session: str, tag: str, digit: str, duration: int) -> bool:
        if session in self.sessions:
            self.heard.append((session, tag, digit, duration))
        return session in self.sessions

    @property
    def digits(self) -> str:
        return "".join(digit for _, _, digit, _ in self.heard)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox("boot1")


def deliver(outbox: Outbox, now: float, **processes: Process) -> int:
    """What is due at this moment arrives, and so do the answers; how many datagrams that were."""
    peers = {ONE: processes.get("one"), OTHER: processes.get("other")}
    count = 0
    while out := outbox.due(now):
        count += len(out)
        for datagram, peer in out:
            process = peers[peer]
            if process is not None and (answer := process.inbox.received(datagram)):
                outbox.received(answer, peer, now)
    return count


def hello(outbox: Outbox, peer: Any, now: float = 0.0) -> None:
    answer = outbox.received(Inbox("calls", lambda *_: False).hello, peer, now)
    assert answer == b'{"hello":"boot1"}'


def test_a_digit_reaches_whoever_has_the_call(outbox: Outbox) -> None:
    one, other = Process(), Process("t1-c1")
    hello(outbox, ONE)
    hello(outbox, OTHER)
    outbox.pressed(event(event=10), 1.0)
    deliver(outbox, 1.0, one=one, other=other)
    assert one.heard == [] and other.heard == [("t1-c1", "A", "*", 120)]
    assert outbox.status()["digits"] == {"taken": 1, "waiting": 0, "lost": 0, "odd": 0} and outbox.next() is None


def test_whoever_took_the_last_one_is_asked_alone_and_all_when_it_does_not_take_the_next(outbox: Outbox) -> None:
    one, other = Process("t1-c1"), Process("t1-c2")
    hello(outbox, ONE)
    hello(outbox, OTHER)
    outbox.pressed(event(), 1.0)
    assert deliver(outbox, 1.0, one=one, other=other) == 2
    outbox.pressed(event(), 1.1)
    assert deliver(outbox, 1.1, one=one, other=other) == 1
    outbox.pressed(event("t1-c2"), 1.2)  # another process has taken the tenant over
    assert deliver(outbox, 1.2, one=one, other=other) == 1 and other.digits == ""
    assert deliver(outbox, 1.2 + SEND_AGAIN, one=one, other=other) == 2 and other.digits == "5"


def test_digits_of_a_call_stay_in_order_and_wait_for_a_process_that_is_away(outbox: Outbox) -> None:
    for number in (1, 2, 3):
        outbox.pressed(event(event=number), 1.0)
    assert outbox.due(1.0) == [] and outbox.next() == 1.0 + GIVE_UP_AFTER
    process = Process("t1-c1")
    hello(outbox, ONE, 2.0)
    deliver(outbox, 2.0, one=process)
    assert process.digits == "123"


def test_an_answer_that_is_lost_makes_no_second_digit(outbox: Outbox) -> None:
    process = Process("t1-c1")
    hello(outbox, ONE)
    outbox.pressed(event(), 1.0)
    for moment in (1.0, 1.0 + SEND_AGAIN):
        [(datagram, peer)] = outbox.due(moment)
        answer = process.inbox.received(datagram)
    assert answer is not None
    outbox.received(answer, peer, 1.2)
    assert process.digits == "5" and outbox.status()["digits"]["waiting"] == 0


def test_what_nobody_takes_is_given_up_and_a_process_that_is_gone_forgotten(outbox: Outbox) -> None:
    hello(outbox, ONE)
    outbox.pressed(event(), 1.0)
    assert deliver(outbox, 1.0) == 1
    assert deliver(outbox, 1.0 + GIVE_UP_AFTER) == 0
    assert outbox.status()["digits"]["lost"] == 1
    outbox.due(GONE_AFTER + 0.1)
    assert outbox.status()["processes"] == []


@pytest.mark.parametrize("datagram", [b"", b"{}", b"[]", b'"x"', event(event=16), b'{"taken": 1}', b"\xff", b"5"])
def test_rubbish_is_counted_and_changes_nothing(outbox: Outbox, datagram: bytes) -> None:
    outbox.pressed(datagram, 1.0)
    outbox.received(datagram, ONE, 1.0)
    assert outbox.status()["digits"]["waiting"] == 0 and outbox.odd
    assert Process().inbox.received(datagram) is None
