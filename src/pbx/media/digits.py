"""Digits as telephone-event packets (RFC 4733): exactly one per key press, whatever the network did to its packets.

All packets of one press bear the timestamp of its beginning: a new timestamp is a new press, the same one is the same
press. A press is told at its end packet; when that got lost, at the next press or after `SILENT` ticks of silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media.legs import Legs

DIGITS = "0123456789*#ABCD"
SILENT = 6
"""Ticks (120 ms): senders repeat an event every 20 to 50 ms while the key is down (RFC 4733 §2.5.1.2)."""
LONGEST = 0xFFFF
"""A press longer than this (8.2 s) goes on as a new event from where the one before ended (RFC 4733 §2.5.1.3)."""

NONE, DOWN, TOLD = 0, 1, 2

OnDigit = Callable[[int, str, int, int], None]
"""(slot, digit, duration in ms, volume in -dBm0)"""


class Digits:
    """The press that each leg is in, or the last one it told."""

    def __init__(self, legs: Legs, on_digit: OnDigit) -> None:
        self._legs = legs
        self._on_digit = on_digit
        self._state = legs.column(np.uint8)
        self._begun = legs.column(np.uint32)
        self._sequence = legs.column(np.uint16)
        self._event = legs.column(np.uint8)
        self._volume = legs.column(np.uint8)
        self._duration = legs.column(np.int64)
        self._before = legs.column(np.int64)
        """Duration of the segments of this press that are over."""
        self._heard = legs.column(np.int64)
        self._any_down = False

    def receive(
        self,
        slots: NDArray[np.intp],
        sequences: NDArray[np.integer[Any]],
        timestamps: NDArray[np.uint32],
        events: NDArray[np.uint8],
        tick: int,
    ) -> None:
        """`events` is the four bytes of each packet's payload; all in order of arrival."""
        # A key that is held or an end that is repeated is most of what comes: no Python for those.
        same = (timestamps == self._begun[slots]) & (self._state[slots] != NONE)
        end = (events[:, 1] & 0x80) != 0
        repeated = same & ((self._state[slots] == TOLD) | ~end)
        duration = events[:, 2].astype(np.int64) << 8 | events[:, 3]
        held = slots[repeated]
        self._heard[held] = tick
        np.maximum.at(self._duration, held, duration[repeated])
        for each in np.flatnonzero(~repeated).tolist():
            self._packet(
                int(slots[each]),
                int(sequences[each]),
                int(timestamps[each]),
                int(events[each, 0]),
                bool(end[each]),
                int(events[each, 1] & 0x3F),
                int(duration[each]),
                tick,
            )

    def tick(self, tick: int) -> None:
        """Tell the presses whose end packets were all lost."""
        if not self._any_down:
            return
        pressed = np.flatnonzero(self._state[: self._legs.count] == DOWN)
        self._any_down = bool(len(pressed))
        for slot in pressed[self._heard[pressed] < tick - SILENT].tolist():
            self._tell(slot)

    def restart(self, slots: NDArray[np.intp]) -> None:
        """A new stream begins there: its timestamps have nothing to do with the old ones."""
        for slot in slots.tolist():
            if self._state[slot] == DOWN:
                self._tell(slot)
            self._state[slot] = NONE

    def _packet(
        self, slot: int, sequence: int, timestamp: int, event: int, end: bool, volume: int, duration: int, tick: int
    ) -> None:
        state = int(self._state[slot])
        if state != NONE:
            ahead = (timestamp - int(self._begun[slot])) & 0xFFFFFFFF
            if ahead == 0:
                self._heard[slot] = tick
                self._duration[slot] = max(int(self._duration[slot]), duration)
                if end and state == DOWN:
                    self._tell(slot)
                return
            older = (sequence - int(self._sequence[slot])) & 0xFFFF >= 0x8000
            if ahead >= 0x80000000 and older:
                return  # a late packet of a press before
            if state == DOWN:
                if event == self._event[slot] and ahead == LONGEST and int(self._duration[slot]) >= LONGEST - 800:
                    self._go_on(slot, sequence, timestamp, end, duration, tick)
                    return
                self._tell(slot)
        if event >= len(DIGITS):
            return  # flash, fax tones and the like
        self._state[slot], self._any_down = DOWN, True
        self._begun[slot], self._sequence[slot] = timestamp, sequence
        self._event[slot], self._volume[slot] = event, volume
        self._duration[slot], self._before[slot] = duration, 0
        self._heard[slot] = tick
        if end:
            self._tell(slot)

    def _go_on(self, slot: int, sequence: int, timestamp: int, end: bool, duration: int, tick: int) -> None:
        self._before[slot] += LONGEST
        self._begun[slot], self._sequence[slot] = timestamp, sequence
        self._duration[slot] = duration
        self._heard[slot] = tick
        if end:
            self._tell(slot)

    def _tell(self, slot: int) -> None:
        self._state[slot] = TOLD
        milliseconds = int(self._before[slot] + self._duration[slot]) // 8
        self._on_digit(slot, DIGITS[int(self._event[slot])], milliseconds, int(self._volume[slot]))
