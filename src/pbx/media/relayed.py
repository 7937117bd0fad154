"""Digits of relayed calls on their way from rtpengine to the call process that has the call: both ends, no sockets.

rtpengine tells of each digit in a datagram (`dtmf-log-dest`). The agent beside it (`Outbox`) does not know who has
which call: call processes say `hello` each second, a digit goes to whoever took the last one of that tenant, and to
all from the second time on. One digit of a session is under way at a time, so that they stay in order; it is sent
again until somebody has taken it, so neither a restart of the agent nor one of the process loses any.

All are JSON datagrams: `{"hello": NAME}` of a process and of the agent, `{"of": BOOT, "number": N, "session", "tag",
"digit", "duration"}` of the agent, `{"taken": N, "of": BOOT}` of a process.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

DIGITS = "0123456789*#ABCD"
HELLO_EVERY = 1.0
"""Seconds between two hellos of a process."""
GONE_AFTER = 5.0
"""Seconds without a hello after which nothing is sent to a process any more."""
SEND_AGAIN = 0.1
"""Seconds between two sendings of a digit that nobody has taken."""
GIVE_UP_AFTER = 5.0
"""Seconds after which a digit is of no use to anybody: its call is gone, or its owner for longer than a restart."""
REMEMBERED = 1024  # digits that were taken, by which a repeated one is known

Peer = tuple[Any, ...]  # as sockets name it
OnDigit = Callable[[str, str, str, int], bool]
"""(session, tag, digit, duration in ms) → whether the session is of this process."""


@dataclass(slots=True)
class _Pressed:
    number: int
    session: str
    told: bytes
    until: float
    due: float
    sent: int = 0


@dataclass(slots=True)
class Outbox:
    """The agent's end. `boot` names this life of the agent."""

    boot: str
    taken: int = 0
    lost: int = 0  # nobody took them
    odd: int = 0  # datagrams that are nothing of rtpengine's
    _numbers: int = 0
    _sessions: dict[str, deque[_Pressed]] = field(default_factory=dict)
    _heard: dict[Peer, tuple[str, float]] = field(default_factory=dict)  # process → its name, when it was heard last
    _owners: dict[str, Peer] = field(default_factory=dict)  # token of a tenant → who took its last digit

    def pressed(self, datagram: bytes, now: float) -> None:
        """A datagram of rtpengine."""
        try:
            event = orjson.loads(datagram)
            session, tag, digit = str(event["callid"]), str(event["source_tag"]), DIGITS[int(event["event"])]
            duration = int(event["duration"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, IndexError):
            self.odd += 1
            return
        self._numbers += 1
        told = {"session": session, "tag": tag, "digit": digit, "duration": duration}
        told |= {"of": self.boot, "number": self._numbers}
        pressed = _Pressed(self._numbers, session, orjson.dumps(told), now + GIVE_UP_AFTER, now)
        self._sessions.setdefault(session, deque()).append(pressed)

    def received(self, datagram: bytes, sender: Peer, now: float) -> bytes | None:
        """A datagram of a call process; returns what to answer it."""
        try:
            said = orjson.loads(datagram)
            if "hello" in said:
                self._greeted(sender, str(said["hello"]), now)
                return orjson.dumps({"hello": self.boot})
            if said["of"] == self.boot:
                self._took(int(said["taken"]), sender, now)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            self.odd += 1
        return None

    def due(self, now: float) -> list[tuple[bytes, Peer]]:
        """What is to be sent at this moment, and to whom."""
        for peer in [peer for peer, (_, last) in self._heard.items() if last < now - GONE_AFTER]:
            del self._heard[peer]
        out = []
        for session, waiting in list(self._sessions.items()):
            while waiting and waiting[0].until <= now:
                waiting.popleft()
                self.lost += 1
            if not waiting:
                del self._sessions[session]
            elif waiting[0].due <= now and self._heard:
                first = waiting[0]
                out += [(first.told, peer) for peer in self._to(first)]
                first.sent, first.due = first.sent + 1, now + SEND_AGAIN
        return out

    def next(self) -> float | None:
        """When `due` has something to do; None: when something is received."""
        first = [each[0] for each in self._sessions.values()]
        return min((min(one.due, one.until) if self._heard else one.until for one in first), default=None)

    def status(self) -> dict[str, Any]:
        """How it goes, as plain data."""
        waiting = sum(len(each) for each in self._sessions.values())
        processes = sorted(name for name, _ in self._heard.values())
        return {
            "boot": self.boot,
            "processes": processes,
            "digits": {"taken": self.taken, "waiting": waiting, "lost": self.lost, "odd": self.odd},
        }

    def _to(self, pressed: _Pressed) -> list[Peer]:
        owner = self._owners.get(_token(pressed.session))
        return [owner] if owner in self._heard and not pressed.sent else list(self._heard)

    def _greeted(self, peer: Peer, name: str, now: float) -> None:
        if peer not in self._heard:  # what nobody took may be this one's
            for waiting in self._sessions.values():
                waiting[0].due = now
        self._heard[peer] = (name, now)

    def _took(self, number: int, sender: Peer, now: float) -> None:
        for session, waiting in self._sessions.items():
            if waiting[0].number == number:
                waiting.popleft()
                self.taken += 1
                self._owners[_token(session)] = sender
                if waiting:
                    waiting[0].due = now
                else:
                    del self._sessions[session]
                return


class Inbox:
    """A call process's end: tells each digit once, whatever the agent had to repeat."""

    def __init__(self, name: str, on_digit: OnDigit) -> None:
        self.hello = orjson.dumps({"hello": name})
        self._on_digit = on_digit
        self._known: OrderedDict[tuple[str, int], None] = OrderedDict()

    def received(self, datagram: bytes) -> bytes | None:
        """A datagram of an agent; returns what to answer it, None when the digit is of a call of somebody else."""
        try:
            told = orjson.loads(datagram)
            if "hello" in told:
                return None
            key = str(told["of"]), int(told["number"])
            digit = str(told["session"]), str(told["tag"]), str(told["digit"]), int(told["duration"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None
        if key not in self._known:
            if not self._on_digit(*digit):
                return None
            self._known[key] = None
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return orjson.dumps({"taken": key[1], "of": key[0]})


def _token(session: str) -> str:
    """The tenant of a session: its name is `<token>-<call id>`."""
    return session.partition("-")[0]
