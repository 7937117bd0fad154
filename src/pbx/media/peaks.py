"""The shape of a sound for those who look at it: how loud, moment by moment and side by side.

The document is the one that `audiowaveform` writes and players of the web draw (version 2): for each pixel and channel
the least and the greatest sample, of 8 bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pbx.media.g711 import ALAW_TO_PCM, ULAW_TO_PCM

PIXELS = 800  # at most
LEAST = 80  # samples that a pixel stands for, at least
PCM, ALAW, ULAW = 1, 6, 7  # format tags of RIFF
_TABLES = {ALAW: ALAW_TO_PCM, ULAW: ULAW_TO_PCM}


class NoWav(ValueError):
    """No WAV file of G.711 or 16 bits."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a WAV file; the sound is from `begin` on."""

    tag: int
    channels: int
    rate: int
    begin: int
    size: int

    @property
    def frame(self) -> int:
        return self.channels * (2 if self.tag == PCM else 1)

    @property
    def frames(self) -> int:
        return self.size // self.frame


def peaks_of(path: Path) -> dict[str, Any]:
    """The document. Raises NoWav, OSError."""
    with path.open("rb") as file:
        shape = shape_of(file)
        pixel = max(LEAST, -(-shape.frames // PIXELS))
        data: list[int] = []
        file.seek(shape.begin)
        left = shape.frames
        while left > 0:
            count = min(left, pixel * 64)
            samples = _samples(shape, file.read(count * shape.frame))
            if not len(samples):
                break  # cut off
            data += _pixels(samples, pixel)
            left -= count
    return {
        "version": 2,
        "channels": shape.channels,
        "sample_rate": shape.rate,
        "samples_per_pixel": pixel,
        "bits": 8,
        "length": len(data) // (2 * shape.channels),
        "data": data,
    }


def shape_of(file: BinaryIO) -> Shape:
    """Reads the chunks up to the sound. Raises NoWav."""
    if len(head := file.read(12)) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise NoWav("no WAV file")
    form = None
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            return _shape(form, file.tell(), size)
        body = file.read(size + size % 2)
        if name == b"fmt ":
            form = body
    raise NoWav("no sound in it")


def _shape(form: bytes | None, begin: int, size: int) -> Shape:
    if form is None or len(form) < 16:
        raise NoWav("it does not say what its sound is")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if channels not in (1, 2) or (tag, bits) not in ((PCM, 16), (ALAW, 8), (ULAW, 8)):
        raise NoWav(f"format {tag} of {bits} bits in {channels} channels")
    return Shape(tag, channels, rate, begin, size)


def _samples(shape: Shape, data: bytes) -> NDArray[np.int16]:
    data = data[: len(data) - len(data) % shape.frame]
    table = _TABLES.get(shape.tag)
    flat = np.frombuffer(data, "<i2") if table is None else table[np.frombuffer(data, np.uint8)]
    return flat.reshape(-1, shape.channels)


def _pixels(samples: NDArray[np.int16], pixel: int) -> list[int]:
    starts = np.arange(0, len(samples), pixel)
    least, greatest = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    found: list[int] = (np.stack([least, greatest], axis=2) >> 8).reshape(-1).tolist()
    return found
