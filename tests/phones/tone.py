"""Tones made and measured: what an ear says it heard, as a list of pieces with a frequency and a length.

Rate 8000 Hz, int16, mono. Lengths are seconds, levels dBFS (a full-scale sine is -3.0).
"""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phones.g711 import PCMA, PCMU, Samples, decode

RATE = 8000
WAV_LAWS = {6: PCMA, 7: PCMU}  # format tags of G.711 in a WAV file
WINDOW = 320  # 40 ms: tells tones 25 Hz apart, and finds an edge within 40 ms
SILENCE = -45.0  # dBFS; line noise of G.711 is below -60, our tones are at -14
PURE = 0.75  # share of the energy near the peak, above which a window is one tone
SAME = 15.0  # Hz: two windows nearer than this are one tone


@dataclass(frozen=True)
class Piece:
    """A stretch of one kind of sound; `hz` is 0 for silence and None for sound that is not one tone."""

    start: float
    seconds: float
    hz: float | None

    def __str__(self) -> str:
        name = "silence" if self.hz == 0 else "sound" if self.hz is None else f"{self.hz:.0f} Hz"
        return f"{name} {self.seconds:.1f} s"


@dataclass(frozen=True)
class Heard:
    """What one end heard in a stretch of time; `packets` counts the RTP packets behind it."""

    pieces: tuple[Piece, ...]
    seconds: float
    packets: int = 0
    codecs: tuple[str, ...] = ()

    def tone(self, hz: float, tolerance: float = 12.0) -> float:
        """Seconds of a tone of this frequency, in all pieces."""
        return sum(p.seconds for p in self.pieces if p.hz and abs(p.hz - hz) <= tolerance)

    def sequence(self, shortest: float = 0.1) -> list[int]:
        """The tones in the order they were heard, rounded to 10 Hz; pieces shorter than `shortest` are left out."""
        tones = [round(p.hz / 10) * 10 for p in self.pieces if p.hz and p.seconds >= shortest]
        return [hz for at, hz in enumerate(tones) if at == 0 or tones[at - 1] != hz]

    @property
    def silence(self) -> float:
        return sum(p.seconds for p in self.pieces if p.hz == 0)

    @property
    def silent(self) -> bool:
        """True when nothing but silence was heard (a click shorter than 100 ms is forgiven)."""
        return self.seconds - self.silence < 0.1

    def __str__(self) -> str:
        long_enough = [p for p in self.pieces if p.seconds >= 0.1]
        return ", ".join(map(str, long_enough)) or f"silence {self.seconds:.1f} s"


def sine(hz: float, seconds: float, level: float = -14.0) -> Samples:
    """A sine of `level` dBFS."""
    peak = 32768 * 10 ** ((level + 3.01) / 20)
    return (peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.int16)


def write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def read_wav(path: Path) -> Samples:
    """Samples of a mono WAV at 8000 Hz, 16-bit or G.711, also of one that is still being written.

    The header of a file being written gives a length of 0 or less than is there, so the data chunk is read to the end.
    """
    raw = path.read_bytes()
    at, kind = raw.find(b"data"), raw.find(b"fmt ")
    if at < 0 or kind < 0:
        return np.zeros(0, np.int16)
    body = raw[at + 8 :]
    encoding = int.from_bytes(raw[kind + 8 : kind + 10], "little")
    if encoding in WAV_LAWS:
        return decode(body, WAV_LAWS[encoding])
    return np.frombuffer(body[: len(body) // 2 * 2], np.int16)


def measure(samples: Samples, *, packets: int = 0, codecs: tuple[str, ...] = ()) -> Heard:
    """The pieces of a recording, in order."""
    count = len(samples) // WINDOW
    windows = samples[: count * WINDOW].reshape(count, WINDOW).astype(np.float64) / 32768
    found = [_name(window) for window in windows]
    return Heard(tuple(_merge(found)), len(samples) / RATE, packets, codecs)


def likeness(sound: Samples, said: Samples) -> float:
    """How surely the recording `said` is somewhere in `sound`: the best normalised correlation, 0 to 1.

    Above 0.9 is the same recording after G.711; another one, a tone or silence stay below 0.3.
    """
    if not len(said):
        return 0.0
    # a recording whose last frame is still on its way is that recording, too
    sound = np.concatenate([sound, np.zeros(max(RATE // 20, len(said) - len(sound)), np.int16)])
    size = 1 << (len(sound) + len(said)).bit_length()
    a, b = sound.astype(np.float64), said.astype(np.float64)
    match = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a) - len(b) + 1]
    energy = np.concatenate(([0.0], np.cumsum(a**2)))
    under = np.sqrt(np.maximum(energy[len(b) :] - energy[: -len(b)], 1e3) * np.sum(b**2))
    return float(np.clip((match / under).max(), 0.0, 1.0))


def level(samples: Samples) -> float:
    """Level in dBFS of the whole stretch; -120 for digital silence or no samples."""
    if not len(samples):
        return -120.0
    return max(-120.0, 20 * float(np.log10(np.sqrt(np.mean((samples / 32768.0) ** 2)) + 1e-6)))


def component(samples: Samples, hz: float) -> float:
    """Level in dBFS of one frequency among others, over the whole stretch."""
    if not len(samples):
        return -120.0
    turning = np.exp(-2j * np.pi * hz / RATE * np.arange(len(samples)))
    amplitude = 2 * np.abs(np.mean(samples / 32768.0 * turning)) / np.sqrt(2)
    return max(-120.0, 20 * float(np.log10(amplitude + 1e-6)))


def _name(window: NDArray[np.float64]) -> float | None:
    """Frequency of one window, 0.0 for silence, None for sound that is not one tone."""
    if 10 * np.log10(np.mean(window**2) + 1e-12) < SILENCE:
        return 0.0
    size = 2048
    power = np.abs(np.fft.rfft(window * np.hanning(WINDOW), size)) ** 2
    peak = int(power.argmax())
    width = 2 * size // WINDOW  # the main lobe of a Hann window
    near = power[max(0, peak - width) : peak + width + 1].sum()
    if near < PURE * power.sum():
        return None
    peak = min(max(peak, 1), len(power) - 2)
    before, at, after = np.log(power[peak - 1 : peak + 2] + 1e-12)
    between = (before - after) / (2 * (before - 2 * at + after))  # the top of the parabola through three bins
    return float(peak + between) * RATE / size


def _merge(found: list[float | None]) -> list[Piece]:
    step = WINDOW / RATE
    runs: list[list[float | None]] = []
    for hz in found:
        if runs and _alike(runs[-1], hz):
            runs[-1].append(hz)
        else:
            runs.append([hz])
    pieces, at = [], 0.0
    for run in runs:
        numbers = [hz for hz in run if hz is not None]
        pieces.append(Piece(round(at, 3), round(len(run) * step, 3), float(np.median(numbers)) if numbers else None))
        at += len(run) * step
    return pieces


def _alike(run: list[float | None], hz: float | None) -> bool:
    last = run[-1]
    if last is None or hz is None:
        return last is hz
    return (last == 0) == (hz == 0) and abs(last - hz) < SAME
