"""A sender, a network and the jitter buffer on virtual time: what is heard, against what was said."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711, rtp
from pbx.media.legs import Legs
from pbx.media.ring import Ring

TICK = 0.02
Wave = NDArray[np.float64]


@dataclass
class Line:
    """`ppm`: how much faster the sender's clock is. `delay(n)`: seconds that packet n is under way, None: lost."""

    hertz: float = 440.0
    ppm: float = 0.0
    length: int = 160
    law: int = rtp.PCMA
    delay: Callable[[int], float | None] = lambda n: 0.005
    sends: Callable[[int], bool] = lambda n: True
    peak: float = 8000.0
    heard: list[NDArray[np.uint8]] = field(default_factory=list)
    number: int = 0
    under_way: list[tuple[float, int]] = field(default_factory=list)

    def arrivals(self, now: float) -> list[int]:
        """The packets that have come by now."""
        while (sent := self.number * self.length / 8000 * (1 - self.ppm * 1e-6)) <= now:
            under_way = self.delay(self.number) if self.sends(self.number) else None
            if under_way is not None:
                heapq.heappush(self.under_way, (sent + under_way, self.number))
            self.number += 1
        come = []
        while self.under_way and self.under_way[0][0] <= now:
            come.append(heapq.heappop(self.under_way)[1])
        return come

    def payload(self, number: int) -> NDArray[np.uint8]:
        n = number * self.length + np.arange(self.length)
        wave = (self.peak * np.sin(2 * np.pi * self.hertz / 8000 * n)).astype(np.int16)
        return (g711.to_alaw if self.law == rtp.PCMA else g711.to_ulaw)(wave)

    def wave(self, since: float = 0.0) -> Wave:
        """What was heard from this second on."""
        coded = np.concatenate(self.heard[round(since / TICK) :])
        return (g711.ALAW_TO_PCM if self.law == rtp.PCMA else g711.ULAW_TO_PCM)[coded].astype(np.float64)


class Buffer:
    """Lines into one ring, all of them ticked together."""

    def __init__(self, *lines: Line) -> None:
        self.lines = lines
        self.legs = Legs(len(lines))
        self.ring = Ring(self.legs)
        for number, line in enumerate(lines):
            slot = self.legs.add(str(number), "test")
            self.legs.aim(slot, ("127.0.0.1", 1000 + number), line.law, 101)
            self.ring.listen(slot, True)
        self.slots = np.arange(len(lines))
        self.tick = 0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.step()

    def step(self) -> None:
        self.tick += 1
        for slot, line in enumerate(self.lines):
            for number in line.arrivals(self.tick * TICK):
                timestamp = np.array([(number * line.length + 12345) & 0xFFFFFFFF], np.uint32)
                self.ring.put(np.array([slot], np.intp), timestamp, line.payload(number)[None, :])
        for slot, frame in enumerate(self.ring.take(self.slots)):
            self.lines[slot].heard.append(frame)
        self.ring.tick()

    def waits(self, slot: int = 0) -> float:
        """Seconds of sound that lie in the buffer now."""
        line = self.lines[slot]
        played = int(self.ring._frame[slot]) * 160
        newest = (line.number - 1) * line.length + 12345
        offset = (newest - int(self.ring._base[slot])) & 0xFFFFFFFF
        return (offset - played) / 8000


def error(wave: Wave, hertz: float, window: int = 160) -> Wave:
    """dB of what is no tone of that frequency, against the tone, in each 20 ms. G.711 alone has about -38."""
    frames = wave[: len(wave) // window * window].reshape(-1, window)
    n = np.arange(window)
    base = np.stack([np.sin(2 * np.pi * hertz / 8000 * n), np.cos(2 * np.pi * hertz / 8000 * n), np.ones(window)])
    fit = frames @ np.linalg.pinv(base) @ base
    left = np.mean((frames - fit) ** 2, axis=1)
    whole = np.mean(fit**2, axis=1)
    result: Wave = 10 * np.log10((left + 1e-9) / (whole + 1e-9))
    return result


def level(wave: Wave) -> Wave:
    """RMS of each 20 ms."""
    frames = wave[: len(wave) // 160 * 160].reshape(-1, 160)
    result: Wave = np.sqrt(np.mean(frames**2, axis=1))
    return result
