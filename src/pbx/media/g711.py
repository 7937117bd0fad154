"""G.711 as tables (ITU-T G.711): 8 bits for one sample at 8 kHz, A-law and µ-law.

Prompts are stored as A-law; a µ-law leg gets them through `ALAW_TO_ULAW`, one look-up a byte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Samples = NDArray[np.int16]

ALAW_SILENCE = 0xD5
ULAW_SILENCE = 0xFF


def _alaw_table() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _ulaw_table() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoder(decoded: Samples) -> Bytes:
    """For each 16-bit sample (as its unsigned bits) the code whose value is nearest."""
    order = np.argsort(decoded, kind="stable")
    values = decoded[order].astype(np.int32)
    samples = np.arange(-32768, 32768, dtype=np.int32)
    right = np.clip(np.searchsorted(values, samples), 1, 255)
    nearest = np.where(samples - values[right - 1] <= values[right] - samples, right - 1, right)
    table = np.empty(65536, np.uint8)
    table[samples & 0xFFFF] = order[nearest]
    return table


ALAW_TO_PCM: Samples = _alaw_table()
ULAW_TO_PCM: Samples = _ulaw_table()
PCM_TO_ALAW: Bytes = _encoder(ALAW_TO_PCM)
PCM_TO_ULAW: Bytes = _encoder(ULAW_TO_PCM)
ALAW_TO_ULAW: Bytes = PCM_TO_ULAW[ALAW_TO_PCM.view(np.uint16)]
ULAW_TO_ALAW: Bytes = PCM_TO_ALAW[ULAW_TO_PCM.view(np.uint16)]
# Two µ-law codes are zero and searching finds the negative one: silence must be the code that phones send.
ALAW_TO_ULAW[ALAW_SILENCE] = ULAW_SILENCE
ULAW_TO_ALAW[[0x7F, 0xFF]] = ALAW_SILENCE
PCM_TO_ULAW[0] = ULAW_SILENCE
MIDDLE = 32768
"""Where no sound stands in the tables of `clipped`."""
ALAW_CLIPPED: Bytes = np.roll(PCM_TO_ALAW, MIDDLE)
ULAW_CLIPPED: Bytes = np.roll(PCM_TO_ULAW, MIDDLE)


def clipped(sums: NDArray[np.int32], table: Bytes) -> Bytes:
    """Sums of samples, each `MIDDLE` too much, to codes by one of the tables above; what is too loud is cut off."""
    return table.take(sums, mode="clip")


def to_alaw(samples: Samples) -> Bytes:
    """16-bit samples to A-law bytes."""
    return PCM_TO_ALAW[samples.view(np.uint16)]


def to_ulaw(samples: Samples) -> Bytes:
    """16-bit samples to µ-law bytes."""
    return PCM_TO_ULAW[samples.view(np.uint16)]
