"""One timer wheel for the whole stack: slots of 50 ms, cancelled lazily.

SIP timers are many, long and mostly cancelled; a slot costs one wake-up however many timers it holds, and cancelling
one only empties it. A timer fires up to one slot late, never early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

SLOT = 0.05  # seconds


class Timer:
    """A timer that was started; `cancel` may be called at any time, also twice or after it fired."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class TimerWheel:
    """Runs callbacks at their time by a clock that the owner reads (seconds, monotonic)."""

    __slots__ = ("_clock", "_order", "_slots")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slots: dict[float, list[Timer]] = {}
        self._order: list[float] = []

    def start(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `delay` seconds from now."""
        timer = Timer(callback)
        # Rounded up: a slot that is due must be wholly over, or a loop that wakes a little early spins on it.
        number = (self._clock() + delay) // SLOT + 1.0
        slot = self._slots.get(number)
        if slot is None:
            self._slots[number] = [timer]
            heappush(self._order, number)
        else:
            slot.append(timer)
        return timer

    @property
    def now(self) -> float:
        """The clock that all timers go by, in seconds."""
        return self._clock()

    @property
    def next(self) -> float | None:
        """The clock time of the next slot, None when there is none."""
        return self._order[0] * SLOT if self._order else None

    def due(self) -> Iterator[Callable[[], None]]:
        """Take out the callbacks whose time has come, in order; the caller runs each before it asks for the next one.

        So a callback may still cancel a timer of the same slot.
        """
        now = self._clock() + 1e-9
        while self._order and self._order[0] * SLOT <= now:
            for timer in self._slots.pop(heappop(self._order)):
                callback, timer.callback = timer.callback, None
                if callback is not None:
                    yield callback

    def __len__(self) -> int:
        """Timers that will still fire."""
        return sum(timer.callback is not None for slot in self._slots.values() for timer in slot)
