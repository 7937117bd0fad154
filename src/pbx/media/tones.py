"""Supervisory tones as A-law frames, made once at the start.

Source: the usual Russian cadences (425 Hz; ITU-T E.180 lists them); level -12 dBFS, 5 ms ramps, so that none clicks.
Each tone is a whole number of frames and begins with sound: it may be repeated end to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711

RATE = 8000
AMPLITUDE = 32768 * 10 ** (-12 / 20)
RAMP = 40
"""Samples: 5 ms."""


@dataclass(frozen=True, slots=True)
class Tone:
    """Seconds of sound and of silence, `times` over; `endless`: it sounds until it is stopped."""

    hertz: float
    on: float
    off: float = 0.0
    times: int = 1
    endless: bool = True


TONES: dict[str, dict[str, Tone]] = {
    "RU": {
        "ringback": Tone(425, 1.0, 4.0),
        "busy": Tone(425, 0.35, 0.35),
        "congestion": Tone(425, 0.175, 0.175, times=2),  # twice, as one cycle is 17.5 frames
        "beep": Tone(1000, 0.4, endless=False),
        "done": Tone(1000, 0.1, 0.1, times=3, endless=False),
        "refused": Tone(425, 0.2, 0.2, times=3, endless=False),
        "joined": Tone(880, 0.16, 0.04, endless=False),
        "left": Tone(440, 0.16, 0.04, endless=False),
    }
}
"""Tone sets by the country's code: `tones` of the engine's configuration."""


NOTES = (262, 330, 392, 523, 392, 330, 294, 349, 440, 587, 440, 349)  # Hz: C major, D minor, broken
NOTE = 0.5
"""Seconds."""
SOFTER = 0.35
"""Music stays behind a voice."""


def music() -> g711.Bytes:
    """What somebody hears who is held and for whom no recording is named: a few notes, end to end."""
    length = round(NOTE * RATE)
    fading = np.exp(-3.0 * np.arange(length) / length)
    fading[:RAMP] *= np.arange(RAMP) / RAMP
    fading[-RAMP:] *= np.arange(RAMP)[::-1] / RAMP
    waves = [SOFTER * AMPLITUDE * fading * np.sin(2 * np.pi * hz / RATE * np.arange(length)) for hz in NOTES]
    return g711.to_alaw(np.concatenate(waves).astype(np.int16))


def render(tone: Tone) -> g711.Bytes:
    """One period as A-law bytes, a whole number of frames."""
    sounding, silent = round(tone.on * RATE), round(tone.off * RATE)
    wave = AMPLITUDE * np.sin(2 * np.pi * tone.hertz / RATE * np.arange(sounding))
    wave[:RAMP] *= np.arange(RAMP) / RAMP
    wave[-RAMP:] *= np.arange(RAMP)[::-1] / RAMP
    once: NDArray[np.float64] = np.concatenate([wave, np.zeros(silent)])
    coded = g711.to_alaw(np.tile(once, tone.times).astype(np.int16))
    assert len(coded) % 160 == 0, tone
    return coded
