"""Recordings of people → what the media engine plays: raw G.711 A-law, 8 kHz, mono.

Loudness is left as it was recorded. A file that cannot be read, is empty or holds only silence is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pbx.speech import wav

RATE = 8000
SHORTEST = 0.1  # seconds
LONGEST = 600.0
SILENCE = 10 ** (-50 / 20)  # a peak under -50 dBFS is not heard on a telephone
MAX_BYTES = 120_000_000


def problem(path: Path) -> str | None:
    """What is wrong with a recording, or None."""
    try:
        _checked(path)
    except wav.WavError as error:
        return str(error)
    return None


def encode(path: Path) -> bytes:
    """The recording as raw A-law. Raises WavError with what is wrong."""
    recording = _checked(path)
    if recording.code == 6 and recording.rate == RATE and recording.samples.shape[1] == 1:
        return recording.raw
    mono = recording.samples.mean(axis=1, dtype=np.float32)
    if recording.rate != RATE:
        import soxr  # only when it is needed: the import costs 0.05 s

        mono = soxr.resample(mono, recording.rate, RATE, quality="HQ")
    return alaw(mono)


def _checked(path: Path) -> wav.Wav:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise wav.WavError(
                f"is larger than {MAX_BYTES // 1_000_000} MB; a prompt is at most {LONGEST / 60:.0f} minutes"
            )
        data = path.read_bytes()
    except OSError as error:
        raise wav.WavError(f"cannot be read: {error.strerror}") from None
    recording = wav.read(data)
    if recording.seconds < SHORTEST:
        raise wav.WavError(f"lasts {recording.seconds:.2f} s; record at least {SHORTEST} s")
    if recording.seconds > LONGEST:
        raise wav.WavError(f"lasts {recording.seconds:.0f} s; at most {LONGEST:.0f} s")
    if float(np.abs(recording.samples.mean(axis=1)).max()) < SILENCE:
        raise wav.WavError("holds only silence; record it again")
    return recording


def alaw(mono: NDArray[np.float32]) -> bytes:
    """G.711 A-law: the nearest of the 256 values of table 1a."""
    order = np.argsort(wav.ALAW_SAMPLES)
    values = wav.ALAW_SAMPLES[order]
    edges = (values[1:] + values[:-1]) / 2
    encoded: bytes = order[np.searchsorted(edges, mono)].astype(np.uint8).tobytes()
    return encoded
