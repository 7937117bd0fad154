"""Events for browsers and programs: one ring for all readers, as server-sent events (WHATWG HTML §9.2).

An event is made into its frame once. Readers are woken together, ten times a second at most, and each is sent what is
new for it in one piece; nothing is kept for one, so fifty cost little more than one. A reader that is slower than the
ring is cut off; it may come again with `Last-Event-ID`, and is told `reset` when that event is not kept any more: then
it reads the calls anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pbx.web.access import Token
from pbx.web.documents import moment

log = logging.getLogger("pbx-web")

MOST = 5_000  # events
PAUSE = 0.1  # seconds between two sendings to a reader
ALIVE = 15.0  # seconds after which a comment is sent, so that proxies keep a quiet stream open
SEND_WITHIN = 30.0  # seconds that a reader may take for one piece
PIECE = 500  # events in one piece at most
RESET = b'event: reset\ndata: {"read": "calls"}\n\n'


@dataclass(frozen=True, slots=True)
class _Event:
    id: str
    tenant: str
    people: frozenset[str]
    frame: bytes


class Feed:
    """The newest events of all call processes, numbered as they come."""

    def __init__(self, most: int = MOST) -> None:
        self._ring: deque[_Event] = deque(maxlen=most)
        self.last = 0
        self._news = asyncio.Event()
        self._people: dict[str, frozenset[str]] = {}  # call → who has to do with it
        self.readers = 0

    def add(self, boot: str, event: dict[str, Any]) -> None:
        """An event of a call process that was started as `boot` (`pbx.calls.events`)."""
        call, tenant, name = event["call"], event.pop("tenant"), f"{boot}-{event.pop('seq')}"
        people = self._people.get(call, frozenset())
        if event.get("user"):
            people |= {event["user"]}
        if event["event"] in ("call.ended", "recording.ready"):
            self._people.pop(call, None)
        else:
            self._people[call] = people
        data = orjson.dumps({**event, "at": moment(event["at"])})
        frame = f"id: {name}\nevent: {event['event']}\ndata: ".encode() + data + b"\n\n"
        self._tell(_Event(name, tenant, people, frame))

    def gap(self) -> None:
        """Some events are missing: every reader has to look anew."""
        self._people.clear()
        self._tell(_Event("", "", frozenset(), RESET))

    def _tell(self, event: _Event) -> None:
        self._ring.append(event)
        self.last += 1
        self._news.set()

    def after(self, name: str) -> int | None:
        """The number after which a reader goes on that has got the event `name`; None when that is not kept."""
        for back, event in enumerate(reversed(self._ring)):
            if event.id == name:
                return self.last - back
        return None

    def since(self, number: int, token: Token) -> tuple[int, bytes] | None:
        """Where the reader is then, and what is new for it; None when it came too late."""
        missing = self.last - number
        if missing > len(self._ring):
            return None
        end = min(number + PIECE, self.last)
        first = len(self._ring) - missing
        mine = [
            event.frame
            for event in (self._ring[index] for index in range(first, first + end - number))
            if not event.tenant or (event.tenant == token.tenant and (token.user is None or token.user in event.people))
        ]
        return end, b"".join(mine)

    async def news(self, number: int) -> None:
        while self.last <= number:
            self._news.clear()
            await self._news.wait()


class EventStream(Response):
    """The answer to one reader."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, token: Token, last_id: str | None, holds: Callable[[Token], bool]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feed, self._token, self._last_id, self._holds = feed, token, last_id, holds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._feed.readers += 1
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(self._gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._feed.readers -= 1
            for task in (sending, gone):
                task.cancel()
            for ended in await asyncio.gather(sending, gone, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, TimeoutError | OSError):
                    log.error("a stream of events broke off", exc_info=ended)

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _send(self, send: Send) -> None:
        feed = self._feed
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        number, piece = feed.last, b": welcome\n\n"
        if self._last_id:
            found = feed.after(self._last_id)
            number, piece = (found, piece) if found is not None else (number, piece + RESET)
        while self._holds(self._token):  # one that is taken away is told no more
            if piece:
                async with asyncio.timeout(SEND_WITHIN):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            try:
                async with asyncio.timeout(ALIVE):
                    await feed.news(number)
            except TimeoutError:
                piece = b": alive\n\n"
                continue
            await asyncio.sleep(PAUSE)
            found_now = feed.since(number, self._token)
            if found_now is None:
                return  # too slow
            number, piece = found_now
