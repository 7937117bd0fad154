"""RTP (RFC 3550 §5.1) as numpy sees it: one packet is one row of bytes, its fields are columns.

A frame is 20 ms of G.711: 160 bytes, 160 ticks of the 8 kHz clock.
"""

from __future__ import annotations

import numpy as np

SECONDS = 0.02
"""Length of a frame and of a tick of the engine."""
SAMPLES = 160
"""Samples, bytes and clock ticks of a frame."""
PER_SECOND = 50

HEADER = 12
PACKET = HEADER + SAMPLES

PCMU, PCMA = 0, 8
NOISE = 13
"""Comfort noise (RFC 3389)."""
MARKER = 0x80
NO_PAYLOAD = 255
"""A payload number that no packet has: the leg has no telephone-event."""

HEAD_FIELDS = [("b0", "u1"), ("b1", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")]
OUT = np.dtype([*HEAD_FIELDS, ("payload", "u1", SAMPLES)])
"""A packet that we send: no CSRC, no extension, one frame."""

ROOM = 512
"""Bytes kept of a packet that we receive: up to 60 ms of G.711, with some header extension."""
IN = np.dtype([*HEAD_FIELDS, ("rest", "u1", ROOM - HEADER)])


def frames(seconds: float) -> int:
    """Seconds as whole frames, rounded."""
    return round(seconds * PER_SECOND)
