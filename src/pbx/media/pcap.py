"""The RTP packets of a pcap file of rtpengine (`recording-format=eth`): as they came, decrypted, not transcoded.

The format is libpcap's (magic 0xa1b2c3d4, microseconds), a frame is Ethernet of zeros, IP, UDP, RTP (RFC 3550 §5.1).
A file that was cut short (rtpengine killed) or has a hole (no room for a while) is read as far as it makes sense, and
from the next frame on that does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FILE_HEADER = 24
_RECORD = struct.Struct("<IIII")  # seconds, microseconds, octets kept, octets there were
_RTP = struct.Struct("!BBHII")
ETHERNET, IPV4, IPV6, UDP = 14, 20, 40, 8
LONGEST = 4096  # octets of a frame: none of speech is longer
MOST = 2048  # frames of one size that are read at once
_FRAMES = (bytes(12) + b"\x08\x00\x45", bytes(12) + b"\x86\xdd\x60")  # how each begins


Bytes = NDArray[np.uint8]


@dataclass(slots=True)
class Piece:
    """Packets in order of arrival whose payloads have one size: a row each."""

    arrived: NDArray[np.float64]  # seconds of UTC
    stamps: NDArray[np.uint32]  # RTP timestamps
    sounds: Bytes


@dataclass(slots=True)
class Stream:
    """The packets of one sender: to which port of the relay, which tells the leg, and of which payload type."""

    port: int
    ssrc: int
    payload: int  # the type (RFC 3551)
    pieces: list[Piece] = field(default_factory=list)

    @property
    def arrived(self) -> NDArray[np.float64]:
        return np.concatenate([piece.arrived for piece in self.pieces])

    @property
    def stamps(self) -> NDArray[np.uint32]:
        return np.concatenate([piece.stamps for piece in self.pieces])


@dataclass(slots=True)
class Capture:
    """What a file holds. `first` and `last`: when any packet came, 0 for none."""

    streams: dict[tuple[int, int, int], Stream] = field(default_factory=dict)
    first: float = 0.0
    last: float = 0.0


def read(data: bytes) -> Capture:
    """Read a file. One that makes no sense is empty."""
    capture = Capture()
    whole = np.frombuffer(data, np.uint8)
    at, end = FILE_HEADER, len(data)
    while at + _RECORD.size <= end:
        _, _, length, there_were = _RECORD.unpack_from(data, at)
        frame = at + _RECORD.size
        if length != there_were or not ETHERNET < length <= LONGEST or not data.startswith(_FRAMES, frame):
            at = _next(data, at + 1)
            continue
        if frame + length > end:
            break
        size = _RECORD.size + length
        rows = _alike(whole[at : at + min(MOST, (end - at) // size) * size].reshape(-1, size))
        following = at + len(rows) * size + _RECORD.size
        if following < end and not data.startswith(_FRAMES, following):
            last = at + (len(rows) - 1) * size
            if _next(data, last + 1) < following:  # the rest of the last one is missing
                rows, following = rows[:-1], _next(data, last + 1) + _RECORD.size
        if len(rows):
            _take(capture, rows)
        at = following - _RECORD.size
    return capture


def _alike(rows: Bytes) -> Bytes:
    """The first of these that are frames as the very first one is: of its size, its kind of IP, its kind of RTP."""
    first = rows[0]
    ip = _RECORD.size + ETHERNET
    fixed = [*range(8, ip + 1), ip + (6 if first[ip] >> 4 == 6 else 9)]
    rtp = _rtp_of(first)
    if rtp < len(first):
        fixed.append(rtp)
    same = (rows[:, fixed] == first[fixed]).all(axis=1)
    return rows if same.all() else rows[: int(np.argmin(same))]


def _rtp_of(row: Bytes) -> int:
    """Where RTP begins in a frame with its record."""
    ip = _RECORD.size + ETHERNET
    return ip + (IPV6 if row[ip] >> 4 == 6 else int(row[ip] & 15) * 4) + UDP


def _take(capture: Capture, rows: Bytes) -> None:
    """Frames of one kind, in order."""
    first, rtp, ip = rows[0], _rtp_of(rows[0]), _RECORD.size + ETHERNET
    if rtp + _RTP.size > len(first) or first[ip + (6 if first[ip] >> 4 == 6 else 9)] != 17:
        return
    times = rows[:, :8].copy().view("<u4")
    arrived = times[:, 0] + times[:, 1] / 1e6
    capture.first = capture.first or float(arrived[0])
    capture.last = max(capture.last, float(arrived.max()))
    if first[rtp] >> 6 != 2:
        return
    if first[rtp] & 0x30 and len(rows) > 1:  # padding, or an extension of the header (§5.3.1): each has its own
        for row in rows:
            _take(capture, row[None, :])
        return
    begin, end = rtp + _RTP.size + 4 * int(first[rtp] & 15), len(first)
    if first[rtp] & 0x10:
        begin += 4 + 4 * int.from_bytes(first[begin + 2 : begin + 4].tobytes(), "big")
    if first[rtp] & 0x20:
        end -= int(first[-1])
    if begin >= end:
        return
    ports = rows[:, rtp - 6 : rtp - 4].copy().view(">u2")[:, 0].astype(np.uint64)
    stamps = rows[:, rtp + 4 : rtp + 8].copy().view(">u4")[:, 0].astype(np.uint32)
    sources = rows[:, rtp + 8 : rtp + 12].copy().view(">u4")[:, 0].astype(np.uint64)
    kinds = (rows[:, rtp + 1] & 127).astype(np.uint64)
    keys = ports << np.uint64(40) | sources << np.uint64(8) | kinds
    for key in np.unique(keys).tolist():
        port, ssrc, payload = key >> 40, key >> 8 & 0xFFFFFFFF, key & 127
        if 72 <= payload <= 76:  # RTCP on the same port (RFC 5761 §4)
            continue
        mine = keys == key
        stream = capture.streams.setdefault((port, ssrc, payload), Stream(port, ssrc, payload))
        stream.pieces.append(Piece(arrived[mine], stamps[mine], rows[mine, begin:end]))


def _next(data: bytes, at: int) -> int:
    """Where the next frame begins that makes sense, with its record; the end when none does."""
    found = [place for kind in _FRAMES if (place := data.find(kind, at + _RECORD.size)) >= 0]
    return min(found) - _RECORD.size if found else len(data)
