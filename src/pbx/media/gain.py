"""Who is far too soft or too loud in a room is brought nearer to the others: slowly, and by 9 dB at most.

Nothing is done to voices between `SOFTEST` and `LOUDEST`, where nearly all are, nor to what is no voice: the noise of a
line is never pulled up by its pauses. Figures are mean amplitudes of 16-bit samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711
from pbx.media.legs import Legs

Slots = NDArray[np.intp]

SOFTEST, LOUDEST = 450.0, 2800.0
"""Speech at -26 dBov, the nominal level of ITU-T P.56, has a mean amplitude of about 1,100: 8 dB around it."""
MOST = 9.0
"""dB."""
KNOWN_AFTER = 33
"""Looks (2 s) with a voice in them, after which its level is known."""
FOLLOWS = 1 / 50
"""What a look adds to the level: it is that of the last 3 s of voice."""
STEP = 0.05
"""dB a look: less than 1 dB a second, which is not heard."""
_HEARD = 0.5
"""dB that are worth a multiplication."""


class Gain:
    """Columns: level and gain of each leg that talks in a room."""

    def __init__(self, legs: Legs) -> None:
        self._looks = legs.column(np.int32)
        self._level = legs.column(np.float32)
        self.decibels = legs.column(np.float32)
        self._any = False

    def look(self, slots: Slots, means: NDArray[Any], is_voice: NDArray[np.bool_]) -> None:
        """`means` is how loud a frame of each leg was as it came, `is_voice` whether that was a voice."""
        speak = slots[is_voice]
        if not len(speak):
            return
        looks, level = self._looks[speak] + 1, self._level[speak]
        follows = np.maximum(1 / looks, FOLLOWS)
        self._looks[speak] = looks
        self._level[speak] = level = level + (means[is_voice] - level) * follows
        wanted = 20 * np.log10(np.clip(level, SOFTEST, LOUDEST) / level)
        known = looks > KNOWN_AFTER
        before = self.decibels[speak]
        step = np.clip(np.clip(wanted, -MOST, MOST) - before, -STEP, STEP)
        self.decibels[speak] = np.where(known, before + step, before)
        self._any = self._any or bool(np.any(np.abs(self.decibels[speak]) > _HEARD))

    def apply(self, slots: Slots, sound: g711.Samples) -> None:
        """To a frame of each leg, in place."""
        if not self._any:
            return
        decibels = self.decibels[slots]
        rows = np.flatnonzero(np.abs(decibels) > _HEARD)
        if len(rows):
            factors = (10 ** (decibels[rows] / 20)).astype(np.float32)
            sound[rows] = np.clip(sound[rows] * factors[:, None], -32768, 32767)

    def forget(self, slot: int) -> None:
        """Somebody else may speak there."""
        self._looks[slot] = 0
        self._level[slot] = self.decibels[slot] = 0.0
