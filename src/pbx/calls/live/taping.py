"""A recorded call as the relay and its agent are told of it: rtpengine writes its packets down, and the agent beside it
hears from when on, for whom, and which ports are heard on which side (`pbx.media.tape`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pbx.calls.live.media import CallMedia
from pbx.calls.recording import ON, Tape
from pbx.media.ng import NgError, NgTimeout
from pbx.media.tape import OVER
from pbx.media.taped import Line

Tell = Callable[[str, str, int, Line], None]
"""(relay, session, number, line)"""


class CallTape:
    """Of one call. `clock` gives seconds of UTC, `tell` brings a line to the agent beside a relay, for certain;
    `waiting` are the lines of a session that it does not have yet."""

    def __init__(
        self,
        media: CallMedia,
        clock: Callable[[], float],
        tell: Tell,
        waiting: Callable[[str], list[tuple[int, Line]]],
    ) -> None:
        self._media = media
        self._clock = clock
        self._tell = tell
        self._waiting = waiting
        self._tape: Tape | None = None
        self._is_on = False
        self._number = 0
        self._said: Line = {}

    async def set(self, tape: Tape) -> str:
        """Record, or no more; returns what went wrong. The agent tries again when rtpengine is back."""
        wanted, problem = tape.state == ON, ""
        if self._tape is None and not wanted:
            return ""
        self._tape = tape
        self._media.when_changed(self.look)
        self.look()  # before the command: what comes between the two is left out by its time
        if wanted is not self._is_on:
            self._is_on = wanted
            try:
                await self._media.take_down(wanted)
            except (NgError, NgTimeout, OSError) as error:
                problem = str(error)
        return problem

    def look(self) -> None:
        """Tell the agent what has changed, if anything has."""
        if self._tape is not None:
            left, right = self._media.audible()
            about = {"policies": self._tape.policies, "about": self._tape.about}
            self._say({"is": self._tape.state, "left": left, "right": right, **about})

    def over(self) -> None:
        """The call is over, and the relay has forgotten it."""
        if self._tape is not None:
            self._say({**self._said, "is": OVER})

    def _say(self, line: Line) -> None:
        if line != self._said:
            self._number += 1
            self._said = line
            told = {"at": round(self._clock() * 1000), **line}
            self._tell(self._media.relay.client.peer, self._media.relay.call_id, self._number, told)

    def snapshot(self) -> dict[str, Any] | None:
        """Plain values, with what the agent does not have yet."""
        if self._tape is None:
            return None
        return {"number": self._number, "waiting": self._waiting(self._media.relay.call_id)}

    def resume(self, kept: Mapping[str, Any], tape: Tape) -> None:
        """Of a call that was in a process before: rtpengine has gone on. What may not have come is told again."""
        self._tape, self._is_on, self._number = tape, tape.state == ON, kept["number"]
        for number, line in kept["waiting"]:
            self._tell(self._media.relay.client.peer, self._media.relay.call_id, number, line)
        self._media.when_changed(self.look)
        self.look()
