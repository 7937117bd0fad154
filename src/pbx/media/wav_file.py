"""A WAV file around A-law, for whoever is no telephone (Microsoft's RIFF; format tag 6, 8 kHz, mono)."""

from __future__ import annotations

import struct

_FORMAT = struct.pack("<HHIIHHH", 6, 1, 8000, 8000, 1, 8, 0)


def of_alaw(sound: bytes) -> bytes:
    """The whole file."""
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in ((b"fmt ", _FORMAT), (b"fact", struct.pack("<I", len(sound))), (b"data", sound))
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks
