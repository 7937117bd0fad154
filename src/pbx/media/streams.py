"""What is known of the stream that each leg receives: RFC 3550 appendix A (loss, jitter), for many packets at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import rtp
from pbx.media.legs import Legs

TOGETHER = 10
"""Ticks (200 ms) by which the figures of a report may be behind."""
_KEEPS = 15 / 16
"""What a packet leaves of the jitter before it."""

Slots = NDArray[np.intp]
Counts = NDArray[np.int64]


def rounds(slots: Slots, count: int) -> Iterator[slice | Slots]:
    """Indices into `slots` such that no slot comes twice within a round, in order of arrival."""
    if len(slots) < 2 or np.bincount(slots, minlength=count).max() < 2:
        yield slice(None)
        return
    order = np.argsort(slots, kind="stable")
    ordered = slots[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.arange(len(slots)) - np.repeat(begins, np.diff(np.r_[begins, len(slots)]))
    for number in range(int(rank.max()) + 1):
        yield order[rank == number]


class Streams:
    """Reception by leg. A packet with another SSRC begins a new stream: a peer was swapped in behind rtpengine.

    New streams are told at once; the rest is only for reports and is counted for some ticks together (`fold`).
    """

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self._ssrc = legs.column(np.int64)
        """One more than the SSRC; 0: nothing has come."""
        self.first = legs.column(np.int64)
        """Extended sequence number of the stream's first packet, and `highest` of its newest."""
        self.highest = legs.column(np.int64)
        self.received = legs.column(np.int64)
        self.jitter = legs.column(np.float32)
        """RFC 3550 A.8 in ticks of 8 kHz; arrivals are known to the engine's tick, so below 20 ms it is a guess."""
        self._transit = legs.column(np.int64)
        self.expected_before = legs.column(np.int64)
        self.received_before = legs.column(np.int64)
        self._waiting: list[tuple[Slots, Counts, Counts]] = []
        """Slots, sequence numbers and transits of the packets that are not counted yet."""
        self._folded = 0

    def update(
        self,
        slots: Slots,
        sequences: NDArray[np.integer[Any]],
        timestamps: NDArray[np.uint32],
        ssrcs: NDArray[np.integer[Any]],
        tick: int,
    ) -> Slots:
        """Count packets in order of arrival; returns the slots where a new stream begins."""
        names, numbers = ssrcs.astype(np.int64) + 1, sequences.astype(np.int64)
        transits = tick * rtp.SAMPLES - timestamps.astype(np.int64)
        if (names != self._ssrc[slots]).any():
            return self._begin(slots, names, numbers, transits)
        self._waiting.append((slots, numbers, transits))
        if tick >= self._folded + TOGETHER:
            self.fold()
            self._folded = tick
        return slots[:0]

    def _begin(self, slots: Slots, names: Counts, numbers: Counts, transits: Counts) -> Slots:
        self.fold()
        new: list[Slots] = []
        for part in rounds(slots, self._legs.count):
            begins = names[part] != self._ssrc[slots[part]]
            fresh = slots[part][begins]
            self._ssrc[fresh] = names[part][begins]
            self.first[fresh] = self.highest[fresh] = numbers[part][begins]
            self._transit[fresh] = transits[part][begins]
            for column in (self.received, self.jitter, self.expected_before, self.received_before):
                column[fresh] = 0
            new.append(fresh)
            self._waiting.append((slots[part], numbers[part], transits[part]))
            self.fold()
        return np.concatenate(new)

    def fold(self) -> None:
        """Count what waits. Must be done before legs are moved to other slots."""
        if not self._waiting:
            return
        slots, numbers, transits = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        self._waiting.clear()
        count = self._legs.count
        self.received[:count] += np.bincount(slots, minlength=count)
        ahead = np.zeros(count, np.int64)
        np.maximum.at(ahead, slots, (numbers - self.highest[slots]).astype(np.int16))  # wraps as the numbers do
        self.highest[:count] += ahead
        order = np.argsort(slots, kind="stable")
        slots, transits = slots[order], transits[order]
        begins = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]])
        ends = np.r_[begins[1:], len(slots)]
        change = np.empty(len(slots), np.int64)
        change[1:] = transits[1:] - transits[:-1]
        change[begins] = transits[begins] - self._transit[slots[begins]]
        # The clock of RTP wraps after 149 h at 8 kHz: the difference of two transits is small or a jump of the sender.
        size = np.minimum(np.abs(change.astype(np.int32)), 8000)
        left = np.repeat(ends, ends - begins) - 1 - np.arange(len(slots))
        heard = np.add.reduceat(size * _KEEPS**left, begins) / 16
        self.jitter[slots[begins]] = self.jitter[slots[begins]] * _KEEPS ** (ends - begins) + heard
        self._transit[slots[begins]] = transits[ends - 1]

    def report(self, slot: int) -> tuple[int, int, int, int, int] | None:
        """(SSRC, fraction lost /256 since the last report, lost in all, highest sequence, jitter), or None: silent."""
        if not self._ssrc[slot]:
            return None
        expected = int(self.highest[slot] - self.first[slot]) + 1
        received = int(self.received[slot])
        expected_now = expected - int(self.expected_before[slot])
        lost_now = expected_now - (received - int(self.received_before[slot]))
        self.expected_before[slot], self.received_before[slot] = expected, received
        fraction = min(255, (max(lost_now, 0) << 8) // expected_now) if expected_now > 0 else 0
        lost = max(-(1 << 23), min(expected - received, (1 << 23) - 1))
        return int(self._ssrc[slot]) - 1, fraction, lost, int(self.highest[slot]) & 0xFFFFFFFF, int(self.jitter[slot])
