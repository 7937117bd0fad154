"""What an engine said → what a telephone plays: 8 kHz, the band of a telephone, no silence around, one loudness.

The levels are those of recorded PBX prompts: −20 dBFS RMS of what is speech, peaks under −1 dBFS.
"""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbx.speech import audio, wav

Mono = NDArray[np.float32]
RATE, WIDE = audio.RATE, 16_000
LOUDNESS = 10 ** (-20 / 20)
PEAK = 10 ** (-1 / 20)
QUIET = 10 ** (-40 / 20)
"""Of the loudest: below it, at either end, is silence."""
MARGIN = 0.02
FADE = 0.005
PAUSE = 0.25
"""Seconds: kept of the silence at each end; of a ramp; between two voices."""
SHORTEST, LONGEST = 0.05, 1.5
"""Seconds of sound that a letter may take, in all and each: what is outside is no speech of that text."""
LOW, HIGH = 300.0, 3400.0


class SoundError(ValueError):
    """What an engine made is no speech; the message says why."""


@dataclass(frozen=True, slots=True)
class Sound:
    """`narrow` is G.711 A-law at 8 kHz, `wide` a WAV at 16 kHz, kept for wideband calls."""

    narrow: bytes
    wide: bytes

    @property
    def seconds(self) -> float:
        return len(self.narrow) / RATE


def of(made: list[bytes], text: str) -> Sound:
    """One sound of what the engines said, voice after voice. Raises SoundError."""
    pieces = [_speech(each, text) for each in made]
    narrow = _joined([_narrow(piece, rate) for piece, rate in pieces], RATE)
    wide = _joined([_levelled(_resampled(piece, rate, WIDE), WIDE) for piece, rate in pieces], WIDE)
    return Sound(audio.alaw(narrow), as_wav(wide, WIDE))


def _speech(made: bytes, text: str) -> tuple[Mono, int]:
    try:
        read = wav.read(made)
    except wav.WavError as error:
        raise SoundError(f"what the engine made of {text!r} {error}") from None
    mono = read.samples.mean(axis=1, dtype=np.float32)
    if not len(mono) or float(np.abs(mono).max()) < audio.SILENCE:
        raise SoundError(f"the engine made silence of {text!r}; it knows a sign or a word of it not")
    if not SHORTEST <= read.seconds <= 2.0 + LONGEST * len(text):
        raise SoundError(f"the engine made {read.seconds:.2f} s of {text!r}, which cannot be")
    return mono, read.rate


def _narrow(mono: Mono, rate: int) -> Mono:
    return _levelled(_band(_resampled(mono, rate, RATE)), RATE)


def _resampled(mono: Mono, rate: int, wanted: int) -> Mono:
    if rate == wanted:
        return mono
    import soxr  # only when it is needed: the import costs 0.05 s

    resampled: Mono = soxr.resample(mono, rate, wanted, quality="HQ")
    return resampled


def _band(mono: Mono) -> Mono:
    """300–3400 Hz, half an octave of slope at each end; by one transform, as the whole is there."""
    spectrum = np.fft.rfft(mono.astype(np.float64))
    hertz = np.fft.rfftfreq(len(mono), 1 / RATE)
    slope = np.clip((hertz - LOW * 0.7) / (LOW * 0.3), 0, 1) * np.clip((HIGH * 1.12 - hertz) / (HIGH * 0.12), 0, 1)
    filtered: Mono = np.fft.irfft(spectrum * slope, len(mono)).astype(np.float32)
    return filtered


def _levelled(mono: Mono, rate: int) -> Mono:
    """Without the silence around it, at one loudness, with ramps."""
    loud = np.flatnonzero(np.abs(mono) > QUIET * np.abs(mono).max())
    margin = int(MARGIN * rate)
    cut = mono[max(0, int(loud[0]) - margin) : int(loud[-1]) + margin + 1].astype(np.float64)
    speech = cut[np.abs(cut) > QUIET * np.abs(cut).max()]
    cut *= LOUDNESS / np.sqrt(np.mean(np.square(speech)))
    peak = np.abs(cut).max()
    if peak > PEAK:
        cut *= PEAK / peak
    ramp = np.minimum(1.0, np.arange(len(cut)) / (FADE * rate))
    levelled: Mono = (cut * ramp * ramp[::-1]).astype(np.float32)
    return levelled


def _joined(pieces: list[Mono], rate: int) -> Mono:
    pause = np.zeros(int(PAUSE * rate), np.float32)
    return np.concatenate([part for piece in pieces for part in (piece, pause)][:-1])


def played(narrow: bytes) -> bytes:
    """A-law as a WAV of 16 bits that any player takes: what a telephone would hear."""
    return as_wav(wav.ALAW_SAMPLES[np.frombuffer(narrow, np.uint8)], RATE)


def as_wav(mono: Mono, rate: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.rint(mono * 32767), -32768, 32767).astype("<i2").tobytes())
    return out.getvalue()
