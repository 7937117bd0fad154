"""The control protocol between calls and the media engine: JSON objects, each behind its length in four bytes.

Commands bear an `id`, and one reply with the same `id` comes back: `{"id": 7, "ok": true, …}` or
`{"id": 7, "ok": false, "error": "…"}`. Events bear `event` and no id. Every command may be sent twice: legs and plays
have names chosen by the client, and a name that is already known with the same content changes nothing.

hello   client                                     -> address, port, boot
sync    legs: all that this client wants (`add` with `echo`, and `record`, `room`, `play` or null); others are removed
add     leg, remote [ip, port], payload, event_payload | null
remove  leg
play    leg, play, items, loop, skip (seconds to leave out at the beginning)
stop    leg
echo    leg, on
record  leg, record (a name, null ends it)
room    leg, room: {room, muted, deaf, to: leg | null} (`pbx.media.rooms`), or null: in none
status                                             -> legs, ticks, skipped, …

Events: `{"event": "digit", "leg", "digit", "duration" (ms), "volume" (-dBm0)}`,
`{"event": "played", "leg", "play", "reason": "end" | "stopped" | "gone"}`,
`{"event": "sound", "leg", "record", "data": A-law in base64, "last"}`: what a leg said, half a second at a time.
`{"event": "speaks", "leg", "on"}`: who is in a room and not muted begins or ends to speak.
"""

from __future__ import annotations

import struct
from typing import Any

import orjson

Message = dict[str, Any]

_LENGTH = struct.Struct(">I")
MAX_FRAME = 16 * 1024 * 1024
"""Bytes. A `sync` of 3,000 legs is below 1 MB; more than this is not our peer."""


class FrameError(Exception):
    """What came is not this protocol; the connection must be closed."""


def frame(message: Message) -> bytes:
    body = orjson.dumps(message)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Bytes in, whole messages out; keeps what is incomplete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Raises `FrameError` on a frame that is too long, not JSON, or not an object."""
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            messages.append(_parse(bytes(buffer[start + _LENGTH.size : end])))
            start = end
        del buffer[:start]
        return messages


def _parse(body: bytes) -> Message:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FrameError(f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise FrameError("not an object")
    return message
