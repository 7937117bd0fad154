"""Is there a voice in a piece of sound? By its energy alone: enough to tell speech from a line that is quiet."""

from __future__ import annotations

import numpy as np

from pbx.media import g711, rtp

LOUD = 32768 * 10 ** (-42 / 20)
"""RMS of a frame: -42 dBFS. The noise of a quiet room is 10 dB and more below, a soft voice 10 dB above."""
MOST_CLICKS = 2
"""Loud frames of a piece (0.5 s) that are no voice yet: a click, a chair."""


def is_voice(alaw: bytes) -> bool:
    """Somebody speaks in it, for more than a moment."""
    whole = len(alaw) // rtp.SAMPLES * rtp.SAMPLES
    frames = g711.ALAW_TO_PCM[np.frombuffer(alaw, np.uint8, whole)].reshape(-1, rtp.SAMPLES).astype(np.float32)
    return int(np.count_nonzero(np.sqrt((frames * frames).mean(axis=1)) > LOUD)) > MOST_CLICKS
