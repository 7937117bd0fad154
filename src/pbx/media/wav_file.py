"""A WAV file around A-law, for whoever is no telephone (Microsoft's RIFF; format tag 6, 8 kHz)."""

from __future__ import annotations

import struct


def of_alaw(sound: bytes, *, channels: int = 1) -> bytes:
    """The whole file. Samples of several channels take turns."""
    return head(len(sound), channels=channels) + sound + b"\0" * (len(sound) % 2)


def head(length: int, *, channels: int = 1) -> bytes:
    """What stands before so many bytes of sound; always equally long. A byte follows an odd number of them."""
    format_ = struct.pack("<HHIIHHH", 6, channels, 8000, 8000 * channels, channels, 8, 0)
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body
        for name, body in ((b"fmt ", format_), (b"fact", struct.pack("<I", length // channels)))
    )
    whole = 4 + len(chunks) + 8 + length + length % 2
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks + b"data" + struct.pack("<I", length)
