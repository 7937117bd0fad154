"""The way to a call process: connections for commands and one for its events, each coming back when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pbx.web import handshake

log = logging.getLogger("pbx-web")

ANSWER_WITHIN = 3.0  # seconds
AGAIN_AFTER = 0.5  # seconds between two attempts to connect
LOOK_AGAIN = 2.0  # seconds between two questions of whose calls come there
LINE_LIMIT = 16 * 1024 * 1024  # a list of all calls of a tenant is one line
SLOW = ("registrations", "transfer", "in_conference")
"""Commands for which a call process asks somebody else first: each has a connection of its own, or the requests of all
tenants would wait behind one who asks for them again and again."""
OLD_EVENTS = 1_000  # how many a new process of ours asks for, so that its readers may resume


class Away(Exception):
    """The call process does not answer."""


class Refused(Exception):
    """The call process says no, with a status of HTTP and why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Remote:
    """The API of a call process on another host; `key` opens it."""

    host: str
    port: int
    key: Callable[[], str | None]


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(place: str | Remote) -> Streams:
    """To a socket of this host, or to another host. Raises OSError, TimeoutError."""
    if isinstance(place, str):
        return await asyncio.open_unix_connection(place, limit=LINE_LIMIT)
    async with asyncio.timeout(ANSWER_WITHIN):
        reader, writer = await asyncio.open_connection(place.host, place.port, limit=LINE_LIMIT)
    try:
        await handshake.as_client(reader, writer, place.key())
    except BaseException:
        writer.close()
        raise
    return reader, writer


class _Line:
    """A connection for commands, one after the other."""

    def __init__(self, name: str, place: str | Remote) -> None:
        self._name, self._place = name, place
        self._turn = asyncio.Lock()
        self._streams: Streams | None = None

    async def ask(self, command: str, more: Mapping[str, Any]) -> dict[str, Any]:
        """The answer as it comes. Raises Away."""
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    reader, writer = await self._open()
                    writer.write(orjson.dumps({"cmd": command, **more}) + b"\n")
                    await writer.drain()
                    line = await reader.readline()
                answer: dict[str, Any] = orjson.loads(line)  # an empty one: the process is gone
            except (OSError, TimeoutError, ValueError) as error:
                self.hang_up()
                raise Away(f"{self._name} does not answer") from error
            except asyncio.CancelledError:
                self.hang_up()  # or the next one would read this answer
                raise
        return answer

    async def _open(self) -> Streams:
        if self._streams is None or self._streams[0].at_eof():
            self.hang_up()
            self._streams = await connect(self._place)
        return self._streams

    def hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Link:
    """One call process, by its API (`pbx.server.api`). `on_event(boot, event)` gets each event with the start of the
    process that it is of; `on_gap()` is told when some are missing."""

    def __init__(
        self,
        name: str,
        place: str | Remote,
        on_event: Callable[[str, dict[str, Any]], None],
        on_gap: Callable[[], None],
    ) -> None:
        self.name = name
        self.connected = False
        self.tenants: frozenset[str] = frozenset()
        self._place = place
        self._on_event, self._on_gap = on_event, on_gap
        self._lines = {command: _Line(name, place) for command in ("", *SLOW)}
        self._boot, self._last = "", -1
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.ensure_future(self._follow()), asyncio.ensure_future(self._look())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            line.hang_up()

    async def ask(self, command: str, **more: Any) -> dict[str, Any]:
        """One command. Raises Away or Refused. One that broke off may have been carried out: it is not repeated."""
        answer = await self._lines[command if command in SLOW else ""].ask(command, more)
        if not answer.pop("ok"):
            raise Refused(answer.get("status", 400), answer["error"])
        return answer

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(Away, Refused):
                self.tenants = frozenset((await self.ask("served"))["tenants"])
            await asyncio.sleep(LOOK_AGAIN if self.tenants else AGAIN_AFTER)

    async def _follow(self) -> None:
        """The events, for ever."""
        while True:
            try:
                reader, writer = await connect(self._place)
                try:
                    await self._read(reader, writer)
                finally:
                    writer.close()
            except (OSError, ValueError, TimeoutError) as error:
                if self.connected:
                    log.warning("%s: events break off: %s", self.name, error)
            except Exception:
                log.exception("%s: events break off", self.name)
            self.connected = False
            await asyncio.sleep(AGAIN_AFTER)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._boot:
            where = await self._where(reader, writer)
            self._boot, self._last = where["boot"], max(0, where["last"] - OLD_EVENTS)
            return  # the stream has begun at its end: once more, from there
        where = await self._where(reader, writer)
        if where["gap"]:
            self._boot, self._last = where["boot"], where["last"]
            self._on_gap()
        self.connected = True
        while line := await reader.readline():
            event = orjson.loads(line)
            self._last = event["seq"]
            self._on_event(self._boot, event)

    async def _where(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any]:
        async with asyncio.timeout(ANSWER_WITHIN):
            writer.write(orjson.dumps({"cmd": "events", "boot": self._boot, "since": self._last}) + b"\n")
            answer: dict[str, Any] = orjson.loads(await reader.readline())
        if not answer["ok"]:
            raise ValueError(answer["error"])
        return answer
