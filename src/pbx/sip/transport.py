"""The sockets of a stack: UDP and TCP on one address, asyncio. Everything with a decision in it lives below.

A packet for a TCP peer goes over the connection that peer has, else over a new one; the stack hears when neither works.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Collection
from typing import cast

from pbx.sip.address import Address
from pbx.sip.framing import FramingError, MessageStream
from pbx.sip.stack import Stack

RECEIVE_BUFFER = 8 * 1024 * 1024  # bytes; the kernel gives what net.core.rmem_max allows
CONNECT_TIMEOUT = 3.0  # seconds
EARLY = 0.002  # seconds: uvloop fires up to 1 ms before the time; the slot must be over then
IDLE_TIMEOUT = 600.0  # a connection without traffic is closed
WRITE_LIMIT = 1024 * 1024  # bytes waiting for a peer that does not read


class SipTransport:
    """Runs one stack: `start` binds and makes it, `flush` sends what it has to say, `close` ends all.

    `peers` are the IP addresses that may talk to us (None: all); others are dropped unread.
    """

    def __init__(
        self,
        stack_factory: Callable[[Address], Stack],
        host: str,
        port: int,
        *,
        peers: Collection[str] | None = None,
    ) -> None:
        self._factory = stack_factory
        self._host = host
        self._port = port
        self._peers = frozenset(peers) if peers is not None else None
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[tuple[str, int], _Connection] = {}
        self._connecting: dict[tuple[str, int], list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.Handle | None = None
        self._alarm_at = 0.0  # a handle of uvloop for a time that has come cannot tell its time
        self._is_flush_due = False
        self._is_closed = False
        self.before_receive: Callable[[], None] = lambda: None  # before a message, or a timer, is heard
        self.before_flush: Callable[[], None] = lambda: None  # what has to be on disk before packets speak of it
        self.undeliverable = 0  # packets and connections that the kernel refused
        self.stack: Stack

    async def start(self) -> Stack:
        """Bind (port 0: any free one, the same for both) and return the stack. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), self._host, self._port, reuse_address=True)
        self._server = server
        port: int = server.sockets[0].getsockname()[1]
        try:
            self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(self._host, port))
        except OSError:
            server.close()
            raise
        sock = self._udp.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.stack = self._factory(Address("udp", self._host, port))
        self.stack.layer.wake = self._wake
        return self.stack

    async def close(self) -> None:
        """Send what is left, close all sockets, wait for them."""
        self.flush()
        self._is_closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections.values()):
            connection.close()
        if self._udp is not None:
            self._udp.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    # --- in --------------------------------------------------------------------------------------------------------

    def accepts(self, host: str) -> bool:
        return self._peers is None or host in self._peers

    def received(self, data: bytes, source: Address) -> None:
        """One whole message came."""
        self.before_receive()
        self._is_flush_due = True  # what it causes leaves below, not by a call_soon of its own
        self.stack.receive(data, source)
        self.flush()

    # --- out -------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send all that the stack has to say and set the alarm for its next timer."""
        self._is_flush_due = False
        if self._is_closed:
            return
        self.before_flush()
        for destination, data in self.stack.take_output():
            if destination.transport == "udp":
                self._send_datagram(destination, data)
            else:
                self._send_stream(destination, data)
        self._set_alarm()

    def _send_datagram(self, destination: Address, data: bytes) -> None:
        try:
            if self._udp is not None:
                self._udp.sendto(data, (destination.host, destination.port))
        except (OSError, ValueError):  # an address that this socket cannot reach, e.g. of the other IP version
            self.undeliverable += 1

    def _wake(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _set_alarm(self) -> None:
        due = self.stack.next_timer
        alarm = self._alarm
        if alarm is not None:
            if due is not None and self._alarm_at <= due + EARLY:
                return  # it will look again when it fires
            alarm.cancel()
            self._alarm = None
        if due is not None:
            self._alarm_at = due + EARLY
            self._alarm = asyncio.get_running_loop().call_at(self._alarm_at, self._fire)

    def _fire(self) -> None:
        self._alarm = None
        self.before_receive()
        self._is_flush_due = True
        self.stack.run_timers()
        self.flush()

    # --- streams ---------------------------------------------------------------------------------------------------

    def _send_stream(self, destination: Address, data: bytes) -> None:
        peer = destination.host, destination.port
        connection = self._connections.get(peer)
        if connection is not None:
            connection.send(data)
        elif peer in self._connecting:
            self._connecting[peer].append(data)
        else:
            self._connecting[peer] = [data]
            task = asyncio.get_running_loop().create_task(self._connect(destination))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, destination: Address) -> None:
        peer = destination.host, destination.port
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), *peer, local_addr=(self._host, 0)
                )
        except (OSError, ValueError):  # TimeoutError is an OSError
            self.undeliverable += 1
            self._connecting.pop(peer, None)
            self.stack.unreachable(destination)
            self.flush()
            return
        for data in self._connecting.pop(peer, ()):
            connection.send(data)

    def opened(self, peer: tuple[str, int], connection: _Connection) -> None:
        self._connections[peer] = connection

    def closed(self, peer: tuple[str, int], connection: _Connection) -> None:
        if self._connections.get(peer) is connection:
            del self._connections[peer]
            if not self._is_closed:
                self.stack.unreachable(Address("tcp", *peer))
                self.flush()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, owner: SipTransport) -> None:
        self._owner = owner

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        host, port = addr[:2]
        if self._owner.accepts(host):
            self._owner.received(data, Address("udp", host, port))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error names no peer here: retransmission and timer B or F deal with it."""


class _Connection(asyncio.Protocol):
    """One TCP connection, whoever opened it."""

    def __init__(self, owner: SipTransport) -> None:
        self._owner = owner
        self._stream = MessageStream()
        self._transport: asyncio.Transport | None = None
        self._peer = ("", 0)
        self._idle: asyncio.TimerHandle | None = None
        self._last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is none of asyncio's
        host, port = transport.get_extra_info("peername")[:2]
        self._transport = transport
        self._peer = host, port
        if not self._owner.accepts(host):
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._owner.opened(self._peer, self)
        self._touch()
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._touch()
        try:
            messages = self._stream.feed(data)
        except FramingError:
            self.close()
            return
        if self._stream.pings and self._transport is not None:
            self._transport.write(b"\r\n" * self._stream.pings)
            self._stream.pings = 0
        source = Address("tcp", *self._peer)
        for message in messages:
            self._owner.received(message, source)

    def send(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > WRITE_LIMIT:
            self._transport.abort()
            return
        self._touch()
        self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.closed(self._peer, self)
        self._transport = None
        if self._idle is not None:
            self._idle.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _touch(self) -> None:
        self._last = asyncio.get_running_loop().time()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._last >= IDLE_TIMEOUT:
            self.close()
        else:
            self._idle = loop.call_later(IDLE_TIMEOUT, self._watch)
