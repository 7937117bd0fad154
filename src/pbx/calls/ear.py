"""Listening to a caller for one answer, while keys may be typed as well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pbx.calls.leg import Connections, Leg
from pbx.speech.recognition.heard import Heard, Vocabulary

MOST_SPOKEN = 15.0  # seconds from the first sound of a voice to what was made of it


class Ear:
    """`heard` is what was made of the answer, None as long as there is nothing; `is_deaf`: nobody could make anything
    of it. `began` and `ended` are milliseconds from the start to the voice, and to the end of all."""

    def __init__(
        self, connections: Connections, leg: Leg, vocabulary: Vocabulary | None, moment: Callable[[], int]
    ) -> None:
        """Without a vocabulary it hears nothing."""
        self._moment, self._start = moment, moment()
        self.spoke: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._work: asyncio.Task[Heard | None] | None = None
        if vocabulary is not None:
            self._work = asyncio.ensure_future(connections.listen(leg, vocabulary, self._speaks))
        self.heard: Heard | None = None
        self.is_deaf = False
        self.began = self.ended = 0

    def _speaks(self) -> None:
        if not self.spoke.done():
            self.began = self._moment() - self._start
            self.spoke.set_result(None)

    async def wait(self, first: asyncio.Future[str], within: float) -> None:
        """Until a digit was typed, or something was made of what was said; whoever does neither has so many seconds."""
        waits: set[asyncio.Future[Any]] = {first, self.spoke}
        await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._work is not None and self.spoke.done() and not first.done():
            waits = {first, self._work}
            await asyncio.wait(waits, timeout=MOST_SPOKEN, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Listen no more."""
        self.ended = self._moment() - self._start
        self.spoke.cancel()
        if self._work is None:
            return
        if self._work.done():
            self.heard = self._work.result()
            self.is_deaf = self.heard is None
        self._work.cancel()
        await asyncio.wait({self._work})
