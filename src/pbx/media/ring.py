"""The jitter buffer: for each leg that is listened to, 16 frames of codec bytes by RTP timestamp (320 ms).

Bytes are put where their timestamp says and played `DEPTH` frames after the first one came; what never came is silence.
Only legs that someone listens to (the echo test; rooms, later) are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711, rtp
from pbx.media.legs import Legs

FRAMES = 16
SIZE = FRAMES * rtp.SAMPLES
DEPTH = 2
"""Frames (40 ms) between arrival and playout."""
LATE = 3
"""Packets in a row that came too late, after which the buffer starts again from the newest."""

Slots = NDArray[np.intp]


class Ring:
    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self.listened = legs.column(np.bool_)
        self._anchored = legs.column(np.bool_)
        self._base = legs.column(np.uint32)
        """RTP timestamp of position 0."""
        self._position = legs.column(np.int64)
        """Position (samples) that is played next; below 0 while the buffer fills."""
        self._late = legs.column(np.uint8)
        self._ring = np.zeros((legs.capacity, SIZE), np.uint8)
        legs.adopt(self._ring)

    def listen(self, slot: int, on: bool) -> None:
        self.listened[slot] = on
        self._anchored[slot] = False
        self._ring[slot] = self._silence(slot)

    def restart(self, slots: Slots) -> None:
        """A new stream begins there."""
        self._anchored[slots] = False

    def put(self, slots: Slots, timestamps: NDArray[np.uint32], payload: NDArray[np.uint8]) -> None:
        """`payload` is one row of equally many bytes per packet, in order of arrival."""
        unknown = np.flatnonzero(~self._anchored[slots])
        if len(unknown):
            self._anchor(slots[unknown[::-1]], timestamps[unknown[::-1]])  # the first of a leg, written last, stays
        offset = (timestamps - self._base[slots]).astype(np.int32).astype(np.int64)
        ahead = offset - self._position[slots]
        fits = (ahead >= 0) & (ahead <= SIZE - payload.shape[1])
        if not fits.all():
            self._misfits(slots[~fits], timestamps[~fits])
            slots, offset, payload = slots[fits], offset[fits], payload[fits]
        self._late[slots] = 0
        places = (offset[:, None] + np.arange(payload.shape[1])) % SIZE
        self._ring[slots[:, None], places] = payload

    def take(self, slots: Slots) -> NDArray[np.uint8]:
        """The next frame of each, which is then forgotten."""
        places = (self._position[slots][:, None] + np.arange(rtp.SAMPLES)) % SIZE
        frames = self._ring[slots[:, None], places]
        self._ring[slots[:, None], places] = np.where(
            self._legs.payload[slots] == rtp.PCMU, g711.ULAW_SILENCE, g711.ALAW_SILENCE
        ).astype(np.uint8)[:, None]
        self._position[slots] += rtp.SAMPLES
        return frames

    def skip(self, frames: int) -> None:
        """The engine left out so many ticks."""
        self._position[: self._legs.count] += frames * rtp.SAMPLES

    def _anchor(self, slots: Slots, timestamps: NDArray[np.uint32]) -> None:
        self._base[slots] = timestamps
        self._position[slots] = -DEPTH * rtp.SAMPLES
        self._late[slots] = 0
        self._anchored[slots] = True

    def _misfits(self, slots: Slots, timestamps: NDArray[np.uint32]) -> None:
        """Too late or too far ahead: one is dropped, a row of them moves the buffer (the sender's clock has jumped)."""
        for slot, timestamp in zip(slots.tolist(), timestamps.tolist(), strict=True):
            self._late[slot] += 1
            if self._late[slot] >= LATE:
                self._anchor(np.array([slot], np.intp), np.array([timestamp], np.uint32))
                self._ring[slot] = self._silence(slot)

    def _silence(self, slot: int) -> int:
        return g711.ULAW_SILENCE if self._legs.payload[slot] == rtp.PCMU else g711.ALAW_SILENCE
