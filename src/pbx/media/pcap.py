"""The RTP packets of a pcap file of rtpengine (`recording-format=eth`): as they came, decrypted, not transcoded.

The format is libpcap's (magic 0xa1b2c3d4, microseconds), a frame is Ethernet of zeros, IP, UDP, RTP (RFC 3550 §5.1).
A file that was cut short (rtpengine killed) or has a hole (no room for a while) is read as far as it makes sense, and
from the next frame on that does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

FILE_HEADER = 24
_RECORD = struct.Struct("<IIII")  # seconds, microseconds, octets kept, octets there were
_RTP = struct.Struct("!BBHII")
ETHERNET, IPV4, IPV6, UDP = 14, 20, 40, 8
LONGEST = 4096  # octets of a frame: none of speech is longer
_FRAMES = (bytes(12) + b"\x08\x00\x45", bytes(12) + b"\x86\xdd\x60")  # how each begins


@dataclass(slots=True)
class Stream:
    """The packets of one sender in order of arrival: who sends, to which port of the relay, what."""

    port: int  # of the relay: which leg sent it
    ssrc: int
    payload: int  # the type (RFC 3551)
    arrived: list[float] = field(default_factory=list)  # seconds of UTC
    stamps: list[int] = field(default_factory=list)  # RTP timestamps
    sounds: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Capture:
    """What a file holds. `first` and `last`: when any packet came, 0 for none."""

    streams: dict[tuple[int, int, int], Stream] = field(default_factory=dict)
    first: float = 0.0
    last: float = 0.0


def read(data: bytes) -> Capture:
    """Read a file. One that makes no sense is empty."""
    capture = Capture()
    at, end = FILE_HEADER, len(data)
    while at + _RECORD.size <= end:
        seconds, micros, length, there_were = _RECORD.unpack_from(data, at)
        frame = at + _RECORD.size
        if length != there_were or not ETHERNET < length <= LONGEST or not data.startswith(_FRAMES, frame):
            at = _next(data, at + 1)
            continue
        if frame + length > end:
            break
        following = frame + length + _RECORD.size
        if following < end and not data.startswith(_FRAMES, following) and (inside := _next(data, at + 1)) < following:
            at = inside  # the rest of this one is missing
            continue
        _frame(capture, data, frame, frame + length, seconds + micros / 1e6)
        at = frame + length
    return capture


def _next(data: bytes, at: int) -> int:
    """Where the next frame begins that makes sense, with its record; the end when none does."""
    found = [place for kind in _FRAMES if (place := data.find(kind, at + _RECORD.size)) >= 0]
    return min(found) - _RECORD.size if found else len(data)


def _frame(capture: Capture, data: bytes, at: int, end: int, arrived: float) -> None:
    is_ipv6 = data[at + 12] == 0x86
    ip = at + ETHERNET
    udp = ip + (IPV6 if is_ipv6 else (data[ip] & 15) * 4)
    rtp = udp + UDP
    if rtp + _RTP.size > end or data[ip + (6 if is_ipv6 else 9)] != 17:
        return
    capture.first = capture.first or arrived
    capture.last = max(capture.last, arrived)
    head, kind, _, stamp, ssrc = _RTP.unpack_from(data, rtp)
    payload = kind & 127
    if head >> 6 != 2 or 72 <= payload <= 76:  # RTCP on the same port (RFC 5761 §4)
        return
    begin = rtp + _RTP.size + 4 * (head & 15)
    if head & 16:  # an extension of the header (§5.3.1)
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    if head & 32:
        end -= data[end - 1]
    if begin >= end:
        return
    port = int.from_bytes(data[udp + 2 : udp + 4], "big")
    key = port, ssrc, payload
    stream = capture.streams.get(key)
    if stream is None:
        stream = capture.streams[key] = Stream(port, ssrc, payload)
    stream.arrived.append(arrived)
    stream.stamps.append(stamp)
    stream.sounds.append(data[begin:end])
