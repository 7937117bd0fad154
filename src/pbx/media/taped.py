"""What a call process tells the agent of a relay of a call that is recorded: one end of it, no sockets.

A line says how it is from a moment on: whether the call is recorded, by which policies, and which ports of the relay
are heard on which side (`pbx.media.tape`). Lines of a session are numbered; one is sent again until the agent says that
it is on its disk, so neither a restart of the agent nor one of the process loses any, and one that comes twice counts
once. All are JSON datagrams beside those of `pbx.media.relayed`: `{"tape": SESSION, "number": N, "line": {…}}` of a
process, `{"taped": SESSION, "number": N}` of the agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

SEND_AGAIN = 0.25
"""Seconds after which a line is sent again, doubled each time."""
MOST_BETWEEN = 5.0
MOST = 10_000
"""Lines that wait; the oldest is given up for another one, when an agent is away for so long."""

Line = Mapping[str, Any]


@dataclass(slots=True)
class _Waiting:
    peer: str
    line: Line
    datagram: bytes
    due: float
    wait: float = SEND_AGAIN


class Lines:
    """The lines of a process that no agent has taken yet, in order. `peer` is a relay as the process names it."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def say(self, peer: str, session: str, number: int, line: Line, now: float) -> bytes:
        """A new line; returns the datagram, to be sent at once."""
        if len(self._waiting) >= MOST:
            del self._waiting[next(iter(self._waiting))]
            self.lost += 1
        datagram = orjson.dumps({"tape": session, "number": number, "line": line})
        self._waiting[session, number] = _Waiting(peer, line, datagram, now + SEND_AGAIN)
        return datagram

    def taken(self, session: str, number: int) -> None:
        """The agent has it."""
        self._waiting.pop((session, number), None)

    def of(self, session: str) -> list[tuple[int, Line]]:
        """Those of a session, for whoever goes on with the call."""
        return [(number, each.line) for (name, number), each in self._waiting.items() if name == session]

    def due(self, now: float) -> list[tuple[str, bytes]]:
        """What is to be sent again, and to which relay's agent."""
        found = []
        for waiting in self._waiting.values():
            if waiting.due <= now:
                waiting.wait = min(2 * waiting.wait, MOST_BETWEEN)
                waiting.due = now + waiting.wait
                found.append((waiting.peer, waiting.datagram))
        return found
