"""RTCP (RFC 3550 §6): sender and receiver reports, made and read. rtpengine's MOS and RTT come from these alone."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

EVERY = 250
"""Ticks (5 s) between the reports of a leg."""

SR, RR, SDES, BYE = 200, 201, 202, 203
_NTP_EPOCH = 2208988800
"""Seconds from 1900 to 1970."""

_SENDER = struct.Struct(">BBHIQIII")
_BLOCK = struct.Struct(">IIIIII")


@dataclass(frozen=True, slots=True)
class Reception:
    """A report block: how we hear the peer. `last_sr` and `delay` (1/65536 s) let the peer know the round trip."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_sr: int = 0
    delay: int = 0


def ntp(now: float | None = None) -> int:
    """Wall-clock seconds as a 64-bit NTP timestamp."""
    return int(((time.time() if now is None else now) + _NTP_EPOCH) * (1 << 32))


def report(ssrc: int, timestamp: int, packets: int, octets: int, heard: Reception | None, now: int) -> bytes:
    """SR with at most one block, and SDES with a CNAME that tells nothing about us (RFC 7022)."""
    count = heard is not None
    head = _SENDER.pack(
        0x80 | count, SR, 6 + 6 * count, ssrc, now, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
    )
    block = b""
    if heard is not None:
        lost = heard.fraction_lost << 24 | heard.lost & 0xFFFFFF
        block = _BLOCK.pack(heard.ssrc, lost, heard.highest, heard.jitter, heard.last_sr, heard.delay)
    return head + block + description(ssrc)


def description(ssrc: int) -> bytes:
    name = f"{ssrc:08x}".encode()
    chunk = struct.pack(">I", ssrc) + bytes((1, len(name))) + name + b"\0"
    chunk += b"\0" * (-len(chunk) % 4)
    return struct.pack(">BBH", 0x81, SDES, len(chunk) // 4) + chunk


def goodbye(ssrc: int, timestamp: int, packets: int, octets: int, now: int) -> bytes:
    """A report and BYE: a compound packet may not be a BYE alone."""
    return report(ssrc, timestamp, packets, octets, None, now) + struct.pack(">BBHI", 0x81, BYE, 1, ssrc)


def last_sender_report(datagram: bytes) -> tuple[int, int] | None:
    """(SSRC, middle 32 bits of its NTP timestamp) of the SR in a compound packet; None without one, or broken."""
    offset = 0
    while offset + 8 <= len(datagram):
        first, kind, words = struct.unpack_from(">BBH", datagram, offset)
        if first >> 6 != 2:
            return None
        if kind == SR and offset + 20 <= len(datagram):
            ssrc, stamp = struct.unpack_from(">IQ", datagram, offset + 4)
            return ssrc, stamp >> 16 & 0xFFFFFFFF
        offset += 4 * (words + 1)
    return None
