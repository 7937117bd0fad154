"""SIP over a stream: where one message ends and the next begins (RFC 3261 §18.3). No sockets here."""

from __future__ import annotations

import re

from pbx.sip.message import MAX_MESSAGE

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:\s*([0-9]{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
_KEEPALIVE = b"\r\n\r\n"


class FramingError(Exception):
    """The stream cannot be followed any more; the connection must be closed."""


class MessageStream:
    """Cuts a byte stream into messages. `pings` counts double CRLF keep-alives not yet answered (RFC 5626 §4.4.1)."""

    __slots__ = ("_buffer", "_searched", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self.pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived and return the messages that are whole now.

        Raises FramingError on a message without (or with two) Content-Length, or larger than MAX_MESSAGE.
        """
        self._buffer += data
        messages: list[bytes] = []
        while True:
            message = self._next()
            if message is None:
                return messages
            messages.append(message)

    def _next(self) -> bytes | None:
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):
            if buffer.startswith(_KEEPALIVE):
                self.pings += 1
                del buffer[:4]
            elif _KEEPALIVE.startswith(buffer):
                return None  # half a keep-alive, or a pong
            else:
                del buffer[:2]
        end = buffer.find(_KEEPALIVE, max(self._searched - 3, 0))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > MAX_MESSAGE:
                raise FramingError("header too large")
            return None
        found = _LENGTH.findall(buffer, 0, end + 2)
        if len(found) != 1:
            raise FramingError("Content-Length")
        size = end + 4 + int(found[0])
        if size > MAX_MESSAGE:
            raise FramingError("message too large")
        if len(buffer) < size:
            self._searched = end
            return None
        message = bytes(buffer[:size])
        del buffer[:size]
        self._searched = 0
        return message
