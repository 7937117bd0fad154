"""What legs say, for somebody who keeps it: A-law in pieces of half a second, in order, with what was lost filled.

Packets are put where their timestamp says and a piece leaves `WAIT` frames after its end, so late ones find their
place. A short gap repeats the frame before it, ever softer; a longer one, and a sender that is silent, is silence: the
recording lasts as long as it took. No file is written here: a disk may take its time, the tick may not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711, rtp
from pbx.media.legs import Legs

PIECE = 25 * rtp.SAMPLES
"""Samples: half a second."""
WAIT = 10 * rtp.SAMPLES
"""Samples (200 ms) by which a packet may be late."""
FRAMES = 64
SIZE = FRAMES * rtp.SAMPLES
"""Samples that are held of a leg: a piece, the wait, and what comes ahead of time or after a stop of the process."""
LATE = 3
"""Packets in a row that fit nowhere, after which the sender's clock counts from the newest."""
MOST_FILLED = 5
"""Frames (100 ms) of a gap that are filled, each half as loud as the one before it."""

Slots = NDArray[np.intp]
OnSound = Callable[[int, str, bytes, bool], None]
"""(slot, recording, A-law, whether it is the last piece)"""


class Recorder:
    """Recordings by slot. `_row` is where a leg's sound is held, 0: it is not recorded. Rows are few, legs many."""

    def __init__(self, legs: Legs, on_sound: OnSound) -> None:
        self._legs = legs
        self._on_sound = on_sound
        self.on = legs.column(np.bool_)
        self._row = legs.column(np.int32)
        self._names: list[str] = [""]
        self._free: list[int] = []
        self._sound = np.zeros((1, SIZE), np.uint8)
        self._have = np.zeros((1, SIZE), np.bool_)
        self._begun = np.zeros(1, np.int64)
        """Tick of its beginning."""
        self._told = np.zeros(1, np.int64)
        """Samples that were told."""
        self._base = np.zeros(1, np.uint32)
        """RTP timestamp of the recording's first sample."""
        self._anchored = np.zeros(1, np.bool_)
        self._late = np.zeros(1, np.uint8)
        self._now = 0

    @property
    def is_recording(self) -> bool:
        """Somebody is recorded."""
        return len(self._names) - 1 > len(self._free)

    def name(self, slot: int) -> str:
        """The recording of a leg, "" for none."""
        return self._names[int(self._row[slot])]

    def begin(self, slot: int, name: str) -> None:
        """Record a leg from now on; the same name again changes nothing."""
        if self.name(slot) == name:
            return
        self.end(slot)
        row = self._free.pop() if self._free else self._grow()
        self._names[row] = name
        self._sound[row], self._have[row] = g711.ALAW_SILENCE, False
        self._begun[row], self._told[row] = self._now, 0
        self._anchored[row], self._late[row] = False, 0
        self._row[slot], self.on[slot] = row, True

    def end(self, slot: int) -> None:
        """What is left of it is told at once."""
        row = int(self._row[slot])
        if row:
            clock = self._clock(row)
            while clock - self._told[row] > PIECE:
                self._tell(slot, row, PIECE)
            self._tell(slot, row, int(clock - self._told[row]), last=True)
            self._names[row] = ""
            self._free.append(row)
            self._row[slot], self.on[slot] = 0, False

    def restart(self, slots: Slots) -> None:
        """A new stream begins there."""
        self._anchored[self._row[slots]] = False

    def put(self, slots: Slots, timestamps: NDArray[np.uint32], payload: NDArray[np.uint8]) -> None:
        """`payload` is one row of equally many bytes per packet, in order of arrival."""
        rows = self._row[slots]
        for at in np.flatnonzero(~self._anchored[rows]).tolist():
            if not self._anchored[rows[at]]:
                self._anchor(int(rows[at]), timestamps[at])
        offset = (timestamps - self._base[rows]).astype(np.int32).astype(np.int64)
        ahead = offset - self._told[rows]
        fits = (ahead >= 0) & (ahead <= SIZE - payload.shape[1])
        if not fits.all():
            self._misfits(rows[~fits], timestamps[~fits])
            slots, rows, offset, payload = slots[fits], rows[fits], offset[fits], payload[fits]
        ulaw = self._legs.payload[slots] == rtp.PCMU
        if ulaw.any():
            payload = np.where(ulaw[:, None], g711.ULAW_TO_ALAW[payload], payload)
        self._late[rows] = 0
        if payload.shape[1] == rtp.SAMPLES and not (offset % rtp.SAMPLES).any():  # whole frames, nearly always
            at = rows.astype(np.intp) * FRAMES + offset // rtp.SAMPLES % FRAMES
            self._sound.reshape(-1, rtp.SAMPLES)[at] = payload
            self._have.reshape(-1, rtp.SAMPLES)[at] = True
            return
        places = (offset[:, None] + np.arange(payload.shape[1])) % SIZE
        self._sound[rows[:, None], places] = payload
        self._have[rows[:, None], places] = True

    def tick(self, now: int) -> None:
        """Tell the pieces that are complete."""
        self._now = now
        if not self.is_recording:
            return
        slots = np.flatnonzero(self.on[: self._legs.count])
        rows = self._row[slots]
        due = (now - self._begun[rows]) * rtp.SAMPLES - self._told[rows] >= PIECE + WAIT
        for slot in slots[due].tolist():
            row = int(self._row[slot])
            while self._clock(row) - self._told[row] >= PIECE + WAIT:
                self._tell(slot, row, PIECE)

    def _clock(self, row: int) -> int:
        """Samples since it began."""
        return int(self._now - self._begun[row]) * rtp.SAMPLES

    def _anchor(self, row: int, timestamp: Any) -> None:
        self._base[row] = np.uint32((int(timestamp) - self._clock(row)) & 0xFFFFFFFF)
        self._anchored[row], self._late[row] = True, 0

    def _misfits(self, rows: NDArray[np.int32], timestamps: NDArray[np.uint32]) -> None:
        """Too late or too far ahead: one is dropped, after a few in a row the sender's clock has jumped."""
        for row, timestamp in zip(rows.tolist(), timestamps.tolist(), strict=True):
            self._late[row] += 1
            if self._late[row] >= LATE:
                self._anchor(row, timestamp)

    def _tell(self, slot: int, row: int, length: int, *, last: bool = False) -> None:
        # With the last frame of the piece before: a gap goes on from it.
        begin = int(self._told[row]) - rtp.SAMPLES
        sound = _window(self._sound[row], begin, length + rtp.SAMPLES)
        if not _all(self._have[row], begin + rtp.SAMPLES, length):
            have = _window(self._have[row], begin, length + rtp.SAMPLES)
            have[: rtp.SAMPLES] = True
            fill(sound, have)
            end = begin + rtp.SAMPLES + length
            self._sound[row, np.arange(end - rtp.SAMPLES, end) % SIZE] = sound[-rtp.SAMPLES :]
        self._forget(row, begin + rtp.SAMPLES, length)
        self._told[row] += length
        self._on_sound(slot, self._names[row], sound[rtp.SAMPLES :].tobytes(), last)

    def _forget(self, row: int, begin: int, length: int) -> None:
        at = begin % SIZE
        self._have[row, at : at + length] = False
        self._have[row, : max(0, at + length - SIZE)] = False

    def _grow(self) -> int:
        """More rows; returns one of them."""
        old = len(self._names)
        new = max(8, 2 * old)
        self._names += [""] * (new - old)
        self._free += range(old + 1, new)
        for name in ("_sound", "_have", "_begun", "_told", "_base", "_anchored", "_late"):
            column = getattr(self, name)
            grown = np.zeros((new, *column.shape[1:]), column.dtype)
            grown[:old] = column
            setattr(self, name, grown)
        return old


def _window(ring: NDArray[Any], begin: int, length: int) -> NDArray[Any]:
    """A copy of so much of a ring, from there on; less than all of it."""
    at = begin % SIZE
    over = max(0, at + length - SIZE)
    return np.concatenate((ring[at : at + length - over], ring[:over])) if over else ring[at : at + length].copy()


def _all(ring: NDArray[np.bool_], begin: int, length: int) -> bool:
    """Whether all of it is there."""
    at = begin % SIZE
    return bool(ring[at : at + length].all() and ring[: max(0, at + length - SIZE)].all())


def fill(sound: g711.Bytes, have: NDArray[np.bool_]) -> None:
    """Where nothing came: the frame before the gap, ever softer, then silence. It begins with a frame that is there."""
    edges = np.flatnonzero(np.diff(have.astype(np.int8), append=1))
    for before, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        begin = before + 1
        length = end + 1 - begin
        sound[begin : end + 1] = g711.ALAW_SILENCE
        if length > MOST_FILLED * rtp.SAMPLES:
            continue
        frame = g711.ALAW_TO_PCM[sound[begin - rtp.SAMPLES : begin]] if begin >= rtp.SAMPLES else None
        if frame is not None:
            count = -(-length // rtp.SAMPLES)
            softer = np.concatenate([frame >> (number + 1) for number in range(count)])
            sound[begin : end + 1] = g711.to_alaw(softer[:length])
