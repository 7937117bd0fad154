"""The control connection of a baresip process: module ctrl_tcp, JSON in netstrings, events in the order they happened.

Written for baresip 1.0.0: commands `{"command", "params", "token"}`, answers `{"response", "ok", "data", "token"}`,
events `{"event", "type", "class", "param", …}`.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from phones import netns


class PhoneError(RuntimeError):
    """The phone refused a command, died, or did not come to what was waited for."""


@dataclass(frozen=True)
class Event:
    """One event; `at` is `time.monotonic()` of its arrival, `call` the SIP Call-ID where there is one."""

    kind: str
    param: str
    call: str
    direction: str
    at: float


class Control:
    """Reads in a thread of its own; every wait has a deadline in seconds and wakes by the event, not by polling."""

    def __init__(self, namespace: str | None, address: str, port: int, alive: Callable[[], bool]) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._answers: dict[str, dict[str, object]] = {}
        self._count = 0
        self._closed = False
        self._socket = _connect(namespace, address, port, alive)
        threading.Thread(target=self._read, name=f"ctrl-{address}", daemon=True).start()

    def command(self, name: str, params: str = "", deadline: float = 5.0) -> str:
        """The text the command answered with; PhoneError when the phone said no."""
        with self._changed:
            self._count += 1
            token = str(self._count)
        line = json.dumps({"command": name, "params": params, "token": token}).encode()
        self._socket.sendall(b"%d:%s," % (len(line), line))
        with self._changed:
            if not self._changed.wait_for(lambda: token in self._answers or self._closed, deadline):
                raise PhoneError(f"no answer to {name} within {deadline} s")
            answer = self._answers.pop(token, None)
        if answer is None or not answer.get("ok"):
            raise PhoneError(f"{name} {params}: {answer['data'] if answer else 'the phone is gone'}".strip())
        return str(answer.get("data", ""))

    def mark(self) -> int:
        """A place in the events, to wait for what comes after it."""
        with self._changed:
            return len(self.events)

    def wait_for(self, *kinds: str, deadline: float, since: int = 0, unless: tuple[str, ...] = ()) -> Event:
        """The first event of one of `kinds` from place `since` on.

        PhoneError at the deadline, at the end of the process, and as soon as an event of `unless` says it cannot come.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._first(kinds + unless, since) is not None, deadline)
            found = self._first(kinds, since)
            if found is None:
                seen = [f"{event.kind} {event.param}".strip() for event in self.events[since:]]
                raise PhoneError(f"no {' or '.join(kinds)} within {deadline} s; events: {seen}")
            return found

    def close(self) -> None:
        self._socket.close()

    def _first(self, kinds: tuple[str, ...], since: int) -> Event | None:
        return next((event for event in self.events[since:] if event.kind in kinds), None)

    def _read(self) -> None:
        buffer = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            buffer = self._take(buffer + data)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, buffer: bytes) -> bytes:
        """Handles the whole netstrings of `buffer` and returns the rest."""
        while True:
            length, colon, rest = buffer.partition(b":")
            if not colon or len(rest) <= int(length):
                return buffer
            self._handle(json.loads(rest[: int(length)].decode("utf-8", "replace")))
            buffer = rest[int(length) + 1 :]

    def _handle(self, message: dict[str, object]) -> None:
        with self._changed:
            if message.get("response"):
                self._answers[str(message.get("token", ""))] = message
            else:
                kind, param, call, way = (str(message.get(key, "")) for key in ("type", "param", "id", "direction"))
                self.events.append(Event(kind, param, call, way, time.monotonic()))
            self._changed.notify_all()


def _connect(namespace: str | None, address: str, port: int, alive: Callable[[], bool]) -> socket.socket:
    """The phone opens its port when it is ready: until then a connection is refused, and is tried again."""
    end = time.monotonic() + 5.0
    while True:
        sock = netns.open_socket(namespace, socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.connect((address, port))
            return sock
        except OSError as error:
            sock.close()
            if not alive() or time.monotonic() > end:
                raise PhoneError(f"baresip did not open {address}:{port}: {error}") from error
        time.sleep(0.02)
