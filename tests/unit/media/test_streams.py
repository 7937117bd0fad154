"""The figures of a report, counted for some ticks together, are those of RFC 3550 A.8 taken packet by packet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from pbx.media.legs import Legs
from pbx.media.streams import TOGETHER, Streams

LEGS = 5


@dataclass
class ByTheBook:
    """One source, one packet at a time."""

    ssrc: int
    first: int
    highest: int
    transit: int
    received: int = 0
    jitter: float = 0.0

    def take(self, sequence: int, timestamp: int, tick: int) -> None:
        step = (sequence - self.highest) & 0xFFFF
        self.highest += step if step < 0x8000 else 0
        transit = tick * 160 - timestamp
        self.jitter += (min(abs(transit - self.transit), 8000) - self.jitter) / 16
        self.transit, self.received = transit, self.received + 1

    @property
    def report(self) -> tuple[int, int, int]:
        return self.ssrc, self.highest - self.first + 1 - self.received, self.highest & 0xFFFFFFFF


@pytest.mark.parametrize("seed", range(6))
def test_counting_together_is_counting_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    legs = Legs(LEGS)
    for number in range(LEGS):
        legs.add(str(number), "test")
    streams = Streams(legs)
    books: dict[int, ByTheBook] = {}
    numbers = random.integers(0, 0x10000, LEGS)
    ssrcs = random.integers(0, 3, LEGS)
    for tick in range(1, 8 * TOGETHER + 1):
        new = []
        slots = random.integers(0, LEGS, random.integers(1, 3 * LEGS))  # some legs thrice, some not at all
        sent = []
        for slot in slots:
            if random.random() < 0.01:
                ssrcs[slot] += 1
            numbers[slot] += random.choice([-1, 0, 1, 1, 1, 1, 2])  # late, doubled, lost
            timestamp = int(numbers[slot]) * 160 + int(random.integers(0, 100))
            sent.append((int(numbers[slot]) & 0xFFFF, timestamp, int(ssrcs[slot])))
            book = books.get(slot)
            if book is None or book.ssrc != sent[-1][2]:
                books[slot] = book = ByTheBook(sent[-1][2], sent[-1][0], sent[-1][0], tick * 160 - timestamp)
                new.append(int(slot))
            book.take(sent[-1][0], timestamp, tick)
        columns = [np.array(column) for column in zip(*sent, strict=True)]
        told = streams.update(slots, columns[0], columns[1].astype(np.uint32), columns[2], tick)
        assert sorted(told.tolist()) == sorted(new)
    streams.fold()
    for slot, book in books.items():
        ssrc, _, lost, highest, jitter = streams.report(int(slot)) or (0,) * 5
        assert (ssrc, lost, highest) == book.report
        assert jitter == int(book.jitter) or abs(streams.jitter[slot] - book.jitter) < 0.01


def test_a_leg_that_nothing_came_from_has_no_report() -> None:
    legs = Legs(2)
    legs.add("silent", "test")
    assert Streams(legs).report(0) is None
