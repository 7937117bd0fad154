"""The NG control protocol of rtpengine over UDP, with JSON bodies.

One datagram is `COOKIE SP BODY`; the reply bears the same cookie. A command that got no reply is sent again **with the
same cookie**: rtpengine remembers the replies of recent cookies, so a lost reply never runs a command twice.
"""

from __future__ import annotations

import asyncio
import secrets
from itertools import count
from typing import Any

import orjson

RESEND_AFTER = (0.25, 0.5, 1.0)
"""Seconds after the first datagram at which it is sent again."""
GIVE_UP_AFTER = 2.0
"""Seconds after the first datagram at which `NgTimeout` is raised. A restarted rtpengine answers after 0.16 s."""
LOOK_EVERY = 0.05
"""Seconds between two looks at what waits, and so the most that either comes later: a timer for each command would cost
more than the rest of it."""


class NgError(Exception):
    """rtpengine answered, and refused: `reason` is its own `error-reason` (or its `result`, as in "load limit")."""

    def __init__(self, command: str, reason: str, reply: dict[str, Any]) -> None:
        super().__init__(f"rtpengine refused {command!r}: {reason}")
        self.command = command
        self.reason = reason
        self.reply = reply


class NgTimeout(Exception):
    """No reply within `GIVE_UP_AFTER`: the relay is down or cut off. The command may have been carried out."""

    def __init__(self, command: str, peer: str) -> None:
        super().__init__(f"rtpengine at {peer} did not answer {command!r} within {GIVE_UP_AFTER} s")
        self.command = command


class _Waiting:
    """A command that is not answered yet."""

    __slots__ = ("began", "command", "datagram", "future", "resent")

    def __init__(self, command: str, datagram: bytes, future: asyncio.Future[dict[str, Any]], began: float) -> None:
        self.command = command
        self.datagram = datagram
        self.future = future
        self.began = began
        self.resent = 0


class NgClient:
    """A connected UDP socket to one rtpengine; any number of commands may be under way at once."""

    def __init__(self) -> None:
        self._peer = ("", 0)
        self._transport: asyncio.DatagramTransport | None = None
        self._opening = asyncio.Lock()
        self._prefix = secrets.token_hex(4)
        self._numbers = count(1)
        self._waiting: dict[bytes, _Waiting] = {}
        self._look: asyncio.TimerHandle | None = None  # while something waits
        self._tasks: set[asyncio.Task[None]] = set()
        self.resent = 0
        """Datagrams sent again: a figure for the metrics page."""
        self.sums_without_tag = False
        """This rtpengine tells a session's sums to a delete without a tag (12.5), not to one with (10.5): learned."""

    @property
    def peer(self) -> str:
        """`address:port` of the rtpengine, for messages."""
        return f"{self._peer[0]}:{self._peer[1]}"

    async def connect(self, address: str, port: int) -> None:
        """Name the rtpengine and open the socket. Nothing is sent: it need not be running yet."""
        self._peer = (address, port)
        await self._open()

    async def command(self, command: str, **fields: Any) -> dict[str, Any]:
        """Send one command and return its reply.

        Keys may be given as rtpengine writes them (`**{"from-tag": "A"}`) or with underscores (`from_tag="A"`).
        Raises `NgError` when it was refused and `NgTimeout` when nothing came back.
        """
        cookie = f"{self._prefix}{next(self._numbers)}".encode()
        body = {"command": command, **{key.replace("_", "-"): value for key, value in fields.items()}}
        reply = await self._ask(command, cookie, cookie + b" " + orjson.dumps(body))
        result = reply.get("result")
        if result not in ("ok", "pong"):
            raise NgError(command, str(reply.get("error-reason") or result), reply)
        return reply

    def close(self) -> None:
        """Close the socket; commands under way end with `asyncio.CancelledError`."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        if self._look is not None:
            self._look.cancel()
        for waiting in self._waiting.values():
            waiting.future.cancel()

    async def _ask(self, command: str, cookie: bytes, datagram: bytes) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._waiting[cookie] = _Waiting(command, datagram, future, loop.time())
        if self._look is None:
            self._look = loop.call_later(LOOK_EVERY, self._look_after)
        try:
            transport = self._transport or await self._open()
            transport.sendto(datagram)
            return await future
        finally:
            del self._waiting[cookie]

    def _look_after(self) -> None:
        """Send again what waits for long, give up what waits for too long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for waiting in self._waiting.values():
            waited = now - waiting.began
            if waiting.future.done():
                continue
            if waited >= GIVE_UP_AFTER:
                waiting.future.set_exception(NgTimeout(waiting.command, self.peer))
            elif waiting.resent < len(RESEND_AFTER) and waited >= RESEND_AFTER[waiting.resent]:
                waiting.resent += 1
                self.resent += 1
                self._send_again(waiting)
        self._look = loop.call_later(LOOK_EVERY, self._look_after) if self._waiting else None

    def _send_again(self, waiting: _Waiting) -> None:
        if self._transport is not None:
            self._transport.sendto(waiting.datagram)
            return
        task = asyncio.ensure_future(self._open_and_send(waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open_and_send(self, waiting: _Waiting) -> None:
        try:
            (await self._open()).sendto(waiting.datagram)
        except OSError as error:
            if not waiting.future.done():
                waiting.future.set_exception(error)

    async def _open(self) -> asyncio.DatagramTransport:
        async with self._opening:
            if self._transport is None:
                loop = asyncio.get_running_loop()
                self._transport, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), remote_addr=self._peer
                )
            return self._transport

    def _received(self, datagram: bytes) -> None:
        cookie, _, body = datagram.partition(b" ")
        waiting = self._waiting.get(cookie)
        if waiting is None or waiting.future.done():  # the reply to a command sent twice
            return
        try:
            reply = orjson.loads(body)
        except orjson.JSONDecodeError:
            reply = {"result": "error", "error-reason": f"a reply that is not JSON: {body[:80]!r}"}
        waiting.future.set_result(reply)

    def _lost(self) -> None:
        self._transport = None  # the next datagram opens a new socket


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, client: NgClient) -> None:
        self._client = client

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._client._received(data)

    def error_received(self, exc: Exception) -> None:
        """ICMP "port unreachable": nobody listens at this moment. The resend finds out whether that lasts."""

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._client._lost()
