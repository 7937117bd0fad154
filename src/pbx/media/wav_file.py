"""A WAV file around A-law, for whoever is no telephone (Microsoft's RIFF; format tag 6, 8 kHz)."""

from __future__ import annotations

import struct


def of_alaw(sound: bytes, *, channels: int = 1) -> bytes:
    """The whole file. Samples of several channels take turns."""
    format_ = struct.pack("<HHIIHHH", 6, channels, 8000, 8000 * channels, channels, 8, 0)
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in ((b"fmt ", format_), (b"fact", struct.pack("<I", len(sound) // channels)), (b"data", sound))
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks
