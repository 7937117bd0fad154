"""Phones, carriers and call processes made of bare sockets, in the namespace of an edge under test."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def enter_namespace(pid: int) -> None:
    """Move the calling thread, and it alone, into the network namespace of that process."""
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        _enter(descriptor)
    finally:
        os.close(descriptor)


def open_socket(namespace_pid: int, kind: socket.SocketKind) -> socket.socket:
    """A socket that lives in the network namespace of that process; the caller stays in its own."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{namespace_pid}/ns/net", os.O_RDONLY)
    try:
        _enter(there)
        try:
            return socket.socket(socket.AF_INET, kind)
        finally:
            _enter(home)
    finally:
        os.close(home)
        os.close(there)


def _trusting_anyone() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class Message:
    """A received SIP message, as text. Header look-up is case-insensitive; several come as a list."""

    text: str
    source: tuple[str, int] = ("", 0)

    @property
    def start(self) -> str:
        return self.text.split("\r\n", 1)[0]

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return "" if self.status else self.start.split()[0]

    @property
    def uri(self) -> str:
        return self.start.split()[1]

    @property
    def body(self) -> str:
        return self.text.split("\r\n\r\n", 1)[1]

    def all(self, name: str) -> list[str]:
        head = self.text.split("\r\n\r\n", 1)[0]
        return re.findall(rf"(?im)^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", head)

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def need(self, name: str) -> str:
        value = self.get(name)
        assert value is not None, f"no {name} in {self.text}"
        return value


@dataclass
class Peer:
    """One UDP or TCP socket that speaks SIP to the edge."""

    namespace: int
    address: str
    port: int
    edge: tuple[str, int]
    transport: str = "udp"
    sock: socket.socket = field(init=False)
    since: int = 0  # requests that were built before are passed over: an edge tries late another owner than the first
    _buffer: bytes = b""

    def __post_init__(self) -> None:
        kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
        self.sock = open_socket(self.namespace, kind)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((self.address, self.port))
        if self.transport in ("tcp", "tls"):
            self.sock.connect(self.edge)
        if self.transport == "tls":
            self.sock = _trusting_anyone().wrap_socket(self.sock)
        elif self.transport == "tcp-server":
            self.sock.listen()
        self.port = self.sock.getsockname()[1]

    def close(self) -> None:
        self.sock.close()

    # ---- messages

    def send(self, text: str, to: tuple[str, int] | None = None) -> None:
        if self.transport == "udp":
            self.sock.sendto(text.encode(), to or self.edge)
        else:
            self.sock.sendall(text.encode())

    def receive(self, want: Callable[[Message], bool] = lambda message: True, timeout: float = 3.0) -> Message:
        """The next message that fits; others are passed over. Fails after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline)
            assert message is not None, f"nothing fitting came to {self.address}:{self.port} in {timeout} s"
            if want(message):
                return message

    def silent(self, seconds: float = 0.3, method: str = "") -> bool:
        """Whether nothing (no request of that method) comes for that long."""
        deadline = time.monotonic() + seconds
        while message := self._next(deadline):
            if not method or message.method == method:
                return False
        return True

    def final(self, timeout: float = 3.0) -> Message:
        return self.receive(lambda message: message.status >= 200, timeout)

    def request(self, method: str, timeout: float = 3.0) -> Message:
        return self.receive(lambda message: message.method == method, timeout)

    def _next(self, deadline: float) -> Message | None:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                if self.transport == "tcp-server":
                    self._accept()
                if self.transport == "udp":
                    data, source = self.sock.recvfrom(65535)
                    if len(data) > 4:  # not a keep-alive of the edge
                        message = Message(data.decode(), source)
                        if not self._is_old(message):
                            return message
                    continue
                framed = self._framed()
                if framed:
                    return Message(framed, self.edge)
                chunk = self.sock.recv(65535)
                if not chunk:
                    return None
                self._buffer += chunk
            except TimeoutError:
                return None

    def ignore_what_was_sent(self) -> None:
        """Requests of earlier tests, which the edge has still to give up, are not for this one."""
        self.since = next(_numbers)

    def _is_old(self, message: Message) -> bool:
        built = re.findall(r"branch=z9hG4bK(\d+)x", " ".join(message.all("Via")))
        return bool(message.method) and any(int(number) < self.since for number in built)

    def _accept(self) -> None:
        connection, _ = self.sock.accept()
        connection.settimeout(self.sock.gettimeout())
        self.sock.close()
        self.sock, self.transport = connection, "tcp"

    def _framed(self) -> str | None:
        self._buffer = self._buffer.lstrip(b"\r\n")
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        match = re.search(rb"(?im)^(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", head)
        length = int(match.group(1)) if match else 0
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        return (head + found + rest[:length]).decode()

    # ---- building

    def via(self) -> str:
        return f"SIP/2.0/{self.transport.upper()} {self.address}:{self.port};branch=z9hG4bK{next(_numbers)}x;rport"

    def contact(self, user: str) -> str:
        suffix = f";transport={self.transport}" if self.transport != "udp" else ""
        return f"<sip:{user}@{self.address}:{self.port}{suffix}>"


def build(
    method: str, uri: str, peer: Peer, *, from_: str, to: str, call_id: str | None = None, cseq: int = 1,
    headers: tuple[str, ...] = (), body: str = "", max_forwards: int = 70, via: str | None = None,
) -> str:  # fmt: skip
    """A request as text. `from_` and `to` are whole header values."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via or peer.via()}",
        f"Max-Forwards: {max_forwards}",
        f"From: {from_}",
        f"To: {to}",
        f"Call-ID: {call_id or f'call{next(_numbers)}@test'}",
        f"CSeq: {cseq} {method}",
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body.encode())}",
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def reply(
    request: Message, status: int, reason: str, *, tag: str = "uas", headers: tuple[str, ...] = (), body: str = ""
) -> str:
    """An answer to a received request as text; Record-Route is copied."""
    to = request.need("To")
    lines = [f"SIP/2.0 {status} {reason}"]
    lines += [f"Via: {value}" for value in request.all("Via")]
    lines += [f"Record-Route: {value}" for value in request.all("Record-Route")]
    lines += [f"From: {request.need('From')}", f"To: {to if ';tag=' in to else f'{to};tag={tag}'}"]
    lines += [f"Call-ID: {request.need('Call-ID')}", f"CSeq: {request.need('CSeq')}", *headers]
    lines += ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, f"Content-Length: {len(body.encode())}"]) + "\r\n\r\n" + body


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def ha1(user: str, domain: str, password: str) -> str:
    return md5(f"{user}:{domain}:{password}")


def authorization(challenge: Message, *, user: str, secret_ha1: str, method: str, uri: str) -> str:
    """The header that answers a 401 or 407 (RFC 2617, qop=auth)."""
    proxy = challenge.status == 407
    value = challenge.need("Proxy-Authenticate" if proxy else "WWW-Authenticate")
    given = dict(re.findall(r'(\w+)="?([^",]*)"?', value))
    ha2, nc, cnonce = md5(f"{method}:{uri}"), "00000001", "abcdef01"
    response = md5(f"{secret_ha1}:{given['nonce']}:{nc}:{cnonce}:auth:{ha2}")
    return (
        f'{"Proxy-Authorization" if proxy else "Authorization"}: Digest username="{user}",'
        f' realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", response="{response}",'
        f' algorithm=MD5, qop=auth, nc={nc}, cnonce="{cnonce}"'
    )
