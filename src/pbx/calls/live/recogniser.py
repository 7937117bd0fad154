"""pbx-recogniser as a call process sees it: one connection that keeps coming back, and whether it can be relied on.

Where it is away, or was late three times in a row, menus take keys alone until it is back: nobody is kept waiting to
find that out once more. Each change is an `alarm:` line in the log.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from pbx.media.control import FrameError, FrameReader, Message, frame
from pbx.speech.recognition.heard import Heard, Vocabulary

log = logging.getLogger(__name__)

RECONNECT_EVERY = 0.5  # seconds
PATIENCE = 5.0  # seconds after the start, in which both may be on their way
AWAY = "the recogniser is away"
FAILURES = 3  # in a row, after which it is left alone
REST = 30.0  # seconds, before it is tried again
MOST_UNSENT = 1_000_000  # bytes: it does not read any more


class Listening:
    """One answer that is expected. `heard` is None when it cannot be had; `spoke` is called when a voice begins."""

    def __init__(self, name: str, spoke: Callable[[], None], tell: Callable[[Message], None]) -> None:
        self.name = name
        self.spoke = spoke
        self.heard: asyncio.Future[Heard | None] = asyncio.get_running_loop().create_future()
        self._tell = tell

    def sound(self, alaw: bytes) -> None:
        """More of what the caller says."""
        self._tell({"op": "sound", "id": self.name, "data": base64.b64encode(alaw).decode()})

    def resolve(self, heard: Heard | None) -> None:
        if not self.heard.done():
            self.heard.set_result(heard)


class Recogniser:
    """`path` is the socket; None where this host has no recogniser, and nobody is alarmed."""

    def __init__(self, path: str | None, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that only grow."""
        self._path = path
        self._clock = clock
        self._writer: asyncio.StreamWriter | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._open: dict[str, Listening] = {}
        self._names = count(1)
        self._failures = 0
        self._rests_until = 0.0
        self._is_told = False
        self.why_not = "no recogniser is set up" if path is None else AWAY

    def start(self) -> None:
        if self._path is not None:
            self._keeper = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    @property
    def is_well(self) -> bool:
        """Menus listen."""
        return self._writer is not None and self._clock() >= self._rests_until

    def listen(self, vocabulary: Vocabulary, spoke: Callable[[], None]) -> Listening | None:
        """An answer is expected; None while the recogniser is not well."""
        if not self.is_well:
            return None
        one = Listening(str(next(self._names)), spoke, self._tell)
        self._open[one.name] = one
        phrases = list(vocabulary.phrases)
        self._tell({"op": "listen", "id": one.name, "language": vocabulary.language, "phrases": phrases})
        return one

    def leave(self, one: Listening) -> None:
        """Nobody waits for this answer any more."""
        if self._open.pop(one.name, None) is not None:
            self._tell({"op": "leave", "id": one.name})

    def _tell(self, message: Message) -> None:
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > MOST_UNSENT:
            writer.transport.abort()
            return
        writer.write(frame(message))

    async def _keep(self) -> None:
        """For ever: connect, read until it breaks."""
        assert self._path is not None
        began = self._clock()
        while True:
            with suppress(OSError):
                reader, self._writer = await asyncio.open_unix_connection(self._path)
                self._is_back()
                await self._read(reader)
            if self._writer is not None or self._clock() - began > PATIENCE:
                self._is_gone()
            await asyncio.sleep(RECONNECT_EVERY)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        frames = FrameReader()
        with suppress(FrameError, KeyError):
            while data := await reader.read(65536):
                for message in frames.feed(data):
                    self._event(message)

    def _event(self, event: Message) -> None:
        one = self._open.get(str(event["id"]))
        match event["event"]:
            case "speaks" if one is not None:
                one.spoke()
            case "heard":
                self._failures = 0
                if one is not None:
                    del self._open[one.name]
                    one.resolve(Heard(event["phrase"], float(event["score"]), str(event["engine"])))
            case "failed":
                self._failed(str(event["why"]))
                if one is not None:
                    del self._open[one.name]
                    one.resolve(None)

    def _failed(self, why: str) -> None:
        self.why_not = why
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = FAILURES - 1  # one more and it rests again
            self._rests_until = self._clock() + REST
            log.critical("alarm: the recogniser fails (%s): menus take keys alone for %d s", why, REST)

    def _is_back(self) -> None:
        self._failures, self._rests_until, self._is_told = 0, 0.0, False
        log.warning("the recogniser is there: menus listen")

    def _is_gone(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = None
        if not self._is_told:
            log.critical("alarm: the recogniser is away: menus take keys alone")
        self.why_not, self._is_told = AWAY, True
        waiting, self._open = self._open, {}
        for one in waiting.values():
            one.resolve(None)
