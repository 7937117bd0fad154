"""The agents of the relays: who presses a key in a call that is relayed, and what they are told of recorded ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

import orjson

from pbx.media.relayed import GONE_AFTER, HELLO_EVERY, Inbox, OnDigit
from pbx.media.taped import SEND_AGAIN, Line, Lines

log = logging.getLogger(__name__)


class Agents:
    """Says hello to each agent, and takes the digits of calls that are this process's. `beside`: which agent is at a
    relay, both as `address:port`."""

    def __init__(
        self,
        name: str,
        addresses: Sequence[tuple[str, int]],
        on_digit: OnDigit,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        self._inbox = Inbox(name, on_digit)
        self.tapes = Lines()
        self._beside = beside or {}
        self._lines = {f"{host}:{port}": _Line(self._inbox, self.tapes, host, port) for host, port in addresses}
        self._greeting: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        if self._lines:
            self._greeting = asyncio.ensure_future(self._greet())

    def close(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
        if self._again is not None:
            self._again.cancel()
        for line in self._lines.values():
            line.close()

    def silent(self) -> list[str]:
        """The agents that do not answer, `address:port`: digits of their calls wait for them."""
        return sorted(peer for peer, line in self._lines.items() if line.is_silent)

    def tape(self, relay: str, session: str, number: int, line: Line) -> None:
        """Tell the agent beside a relay of a recorded call, until it has taken it. A relay without one records what
        nobody makes a recording of."""
        if relay in self._beside:
            loop = asyncio.get_running_loop()
            self._send(relay, self.tapes.say(relay, session, number, line, loop.time()))
            if self._again is None:
                self._again = loop.call_later(SEND_AGAIN, self._send_again)

    def _send_again(self) -> None:
        loop = asyncio.get_running_loop()
        for relay, datagram in self.tapes.due(loop.time()):
            self._send(relay, datagram)
        self._again = loop.call_later(SEND_AGAIN, self._send_again) if self.tapes else None

    def _send(self, relay: str, datagram: bytes) -> None:
        line = self._lines.get(self._beside.get(relay, ""))
        if line is not None:
            line.send(datagram)

    async def _greet(self) -> None:
        while True:
            for peer, line in self._lines.items():
                with contextlib.suppress(OSError):
                    await line.greet()
                if line.has_changed():
                    log.log(logging.ERROR if line.is_silent else logging.WARNING, "agent of relay %s %s", peer,
                            "does not answer" if line.is_silent else "answers")  # fmt: skip
            await asyncio.sleep(HELLO_EVERY)


class _Line(asyncio.DatagramProtocol):
    """A connected UDP socket to one agent."""

    def __init__(self, inbox: Inbox, tapes: Lines, host: str, port: int) -> None:
        self._inbox = inbox
        self._tapes = tapes
        self._peer = host, port
        self._transport: asyncio.DatagramTransport | None = None
        self._began = self._heard = asyncio.get_running_loop().time()
        self._told_silent = False

    @property
    def is_silent(self) -> bool:
        return self._heard < asyncio.get_running_loop().time() - GONE_AFTER

    def has_changed(self) -> bool:
        """Whether it fell silent, or answers again, since this was asked last."""
        before, self._told_silent = self._told_silent, self.is_silent
        return before is not self._told_silent

    async def greet(self) -> None:
        if self._transport is None:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=self._peer)
        self._transport.sendto(self._inbox.hello)

    def send(self, datagram: bytes) -> None:
        """Nobody there at this moment: it is sent again."""
        if self._transport is not None:
            self._transport.sendto(datagram)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._heard = asyncio.get_running_loop().time()
        if data.startswith(b'{"taped":'):
            with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                taken = orjson.loads(data)
                self._tapes.taken(str(taken["taped"]), int(taken["number"]))
            return
        answer = self._inbox.received(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer)

    def error_received(self, exc: Exception) -> None:
        """ICMP "port unreachable": no agent at this moment."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
