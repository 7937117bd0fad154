"""What stands in for sound that did not come, and how sound is made a sample longer or shorter: pure arithmetic.

Loss is concealed as in ITU-T G.711 Appendix I: the last period of the voice is repeated, and fades out within 60 ms.
All of it is for many legs at once, one row each.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import rtp

Wave = NDArray[np.float32]
Counts = NDArray[np.integer[Any]]

KEPT = 3
"""Frames (60 ms) of what was played before: in them the period is found."""
HISTORY = KEPT * rtp.SAMPLES
SHORTEST, LONGEST = 40, 120
"""Samples of a period: 200 to 67 Hz."""
_MATCHED = 160
"""Samples that are compared with those a period before."""
_FADE = 40
"""Samples (5 ms) in which what is repeated goes over into what came."""
_STEP = 16
"""Samples in which a step at the seam is smoothed."""
_RAMPS = ((1.0, 0.8), (1.0, 0.5), (1.0, 0.0))
"""What a frame is louder at its begin and end than the one before, for the first, the second and the third lost."""
GONE = len(_RAMPS)
"""Frames in a row after which nothing is left but silence."""
NOISE_LEVEL = 127
"""The number of RFC 3389 for no noise at all."""


def periods(history: Wave) -> NDArray[np.intp]:
    """The period at the end of each row of `HISTORY` samples."""
    templates = history[:, -_MATCHED:]
    first = HISTORY - _MATCHED - LONGEST
    windows = np.lib.stride_tricks.sliding_window_view(history, _MATCHED, axis=1)[
        :, first : first + LONGEST - SHORTEST + 1
    ]
    products = np.einsum("kij,kj->ki", windows, templates)
    energy = np.concatenate([np.zeros((len(history), 1)), np.cumsum(history.astype(np.float64) ** 2, axis=1)], axis=1)
    begin = first + np.arange(LONGEST - SHORTEST + 1)
    under = np.sqrt(np.maximum(energy[:, begin + _MATCHED] - energy[:, begin], 1.0))
    found: NDArray[np.intp] = LONGEST - np.argmax(products / under, axis=1)
    return found


def mended(around: Wave, begin: Counts, end: Counts, lost: Counts, period: NDArray[np.intp]) -> Wave:
    """A frame of each row, of which the samples from `begin` to `end` did not come.

    `around` is what was played before (`HISTORY` samples) and the frame itself. `lost` frames before it were lost, too:
    the fading goes on. With `begin` = `end` = 0 nothing is missing: the frame comes in over what was repeated.
    """
    count = len(around)
    rows = np.arange(count)[:, None]
    place = np.arange(rtp.SAMPLES)
    last = HISTORY + begin - 1
    since = np.maximum(place - begin[:, None], 0)
    repeated = around[rows, (last - period + 1)[:, None] + since % period[:, None]]
    step = around[rows[:, 0], last] - around[rows[:, 0], last - period]
    repeated = repeated + step[:, None] * np.maximum(0.0, 1.0 - since / _STEP).astype(np.float32)
    repeated *= _ramp()[np.minimum(lost, GONE)]
    come = np.clip((place - end[:, None] + 1) / _FADE, 0.0, 1.0).astype(np.float32)
    frame = around[:, HISTORY:]
    return np.where(place < begin[:, None], frame, frame * come + repeated * (1.0 - come))


@cache
def _ramp() -> Wave:
    return np.array([np.linspace(*each, rtp.SAMPLES) for each in (*_RAMPS, (0.0, 0.0))], np.float32)


@cache
def stretching(length: int, longer: int) -> Wave:
    """The matrix that makes `length` samples `longer` by so many: a row of samples times it. The ends stay where they
    are, so that frames still meet."""
    at = np.arange(length + longer) * ((length - 1) / (length + longer - 1))
    distance = at[None, :] - np.arange(length)[:, None]
    taps = np.sinc(distance) * np.where(np.abs(distance) < 8, np.cos(np.pi * distance / 16) ** 2, 0.0)
    matrix: Wave = (taps / taps.sum(axis=0)).astype(np.float32)
    return matrix


@cache
def _hiss() -> Wave:
    """A second of white noise whose mean square is 1."""
    return np.random.default_rng(3389).standard_normal(8000).astype(np.float32)


def noise(levels: NDArray[np.uint8], tick: int) -> Wave:
    """A frame of comfort noise for each level: -dBov as RFC 3389 §3.1 has it."""
    amplitude = np.where(levels < NOISE_LEVEL, 32768 / np.sqrt(2) * 10 ** (-levels.astype(np.float32) / 20), 0)
    start = (tick * 37 + np.arange(len(levels)) * 1009) % (8000 - rtp.SAMPLES)
    return np.asarray(amplitude[:, None] * _hiss()[start[:, None] + np.arange(rtp.SAMPLES)], np.float32)
