"""What is known of the stream that each leg receives: RFC 3550 appendix A (loss, jitter), for many packets at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media.legs import Legs

Slots = NDArray[np.intp]


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
    """Reception by leg. A packet with another SSRC begins a new stream: a peer was swapped in behind rtpengine."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self.live = legs.column(np.bool_)
        self.ssrc = legs.column(np.uint32)
        self.first = legs.column(np.int64)
        """Extended sequence number of the stream's first packet, and `highest` of its newest."""
        self.highest = legs.column(np.int64)
        self.received = legs.column(np.int64)
        self.jitter = legs.column(np.float32)
        """RFC 3550 A.8 in ticks of 8 kHz; arrivals are known to the engine's tick, so below 20 ms it is a guess."""
        self._transit = legs.column(np.int64)
        self.heard = legs.column(np.int64)
        """Tick of the newest packet."""
        self.expected_before = legs.column(np.int64)
        self.received_before = legs.column(np.int64)

    def update(
        self,
        slots: Slots,
        sequences: NDArray[np.integer[Any]],
        timestamps: NDArray[np.uint32],
        ssrcs: NDArray[np.uint32],
        tick: int,
    ) -> Slots:
        """Count packets in order of arrival; returns the slots where a new stream begins."""
        new: list[Slots] = []
        for part in rounds(slots, self._legs.count):
            fresh = self._round(slots[part], sequences[part], timestamps[part], ssrcs[part], tick)
            if len(fresh):
                new.append(fresh)
        return np.concatenate(new) if new else slots[:0]

    def _round(
        self,
        slots: Slots,
        sequences: NDArray[np.integer[Any]],
        timestamps: NDArray[np.uint32],
        ssrc: NDArray[np.uint32],
        tick: int,
    ) -> Slots:
        sequence = sequences.astype(np.int64)
        transit = tick * 160 - timestamps.astype(np.int64)
        begins = (ssrc != self.ssrc[slots]) | ~self.live[slots]
        fresh: Slots = slots[begins]
        if len(fresh):
            self.live[fresh] = True
            self.ssrc[fresh] = ssrc[begins]
            self.first[fresh] = sequence[begins]
            self.highest[fresh] = sequence[begins]
            self._transit[fresh] = transit[begins]
            for column in (self.received, self.jitter, self.expected_before, self.received_before):
                column[fresh] = 0
        highest = self.highest[slots]
        step = (sequence - highest).astype(np.int16)  # wraps as sequence numbers do
        self.highest[slots] = highest + np.maximum(step, 0)
        self.received[slots] += 1
        # The clock of RTP wraps after 149 h at 8 kHz: the difference of two transits is small or a jump of the sender.
        change = np.abs((transit - self._transit[slots]).astype(np.int32)).astype(np.float32)
        jitter = self.jitter[slots]
        self.jitter[slots] = jitter + (np.minimum(change, 8000) - jitter) / 16
        self._transit[slots] = transit
        self.heard[slots] = tick
        return fresh

    def report(self, slot: int) -> tuple[int, int, int, int, int] | None:
        """(SSRC, fraction lost /256 since the last report, lost in all, highest sequence, jitter), or None: silent."""
        if not self.live[slot]:
            return None
        expected = int(self.highest[slot] - self.first[slot]) + 1
        received = int(self.received[slot])
        expected_now = expected - int(self.expected_before[slot])
        lost_now = expected_now - (received - int(self.received_before[slot]))
        self.expected_before[slot], self.received_before[slot] = expected, received
        fraction = min(255, (max(lost_now, 0) << 8) // expected_now) if expected_now > 0 else 0
        lost = max(-(1 << 23), min(expected - received, (1 << 23) - 1))
        return int(self.ssrc[slot]), fraction, lost, int(self.highest[slot]) & 0xFFFFFFFF, int(self.jitter[slot])
