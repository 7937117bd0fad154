"""When watchers are told: soon, but no subscription too often, and never all at once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

TICK = 0.05  # seconds in which changes are gathered: whoever is called is mostly rung by then
AT_ONCE = 50  # NOTIFYs a tick, some 10 ms of the process
APART = 0.5  # seconds between two NOTIFYs of one subscription; what changes meanwhile is told by one
SPREAD = 10.0  # seconds over which those of a process before are told

Later = Callable[[float, Callable[[], None]], Any]


class Told(Protocol):
    told: float  # when it was told last


W = TypeVar("W", bound=Told)


class Pace(Generic[W]):
    """Calls `tell` for each watcher that is due; `later(seconds, callback)` and `now` are the loop's."""

    def __init__(self, tell: Callable[[W], None], later: Later, now: Callable[[], float]) -> None:
        self._tell = tell
        self._later = later
        self._now = now
        self._due: dict[W, None] = {}  # in order
        self._slow: deque[W] = deque()
        self._share = 0  # of the slow ones, a tick
        self._is_ticking = False

    def __len__(self) -> int:
        return len(self._due) + len(self._slow)

    def soon(self, watchers: Iterable[W]) -> None:
        """Something that they watch has changed."""
        for watcher in watchers:
            self._due.setdefault(watcher)
        self._arm()

    def slowly(self, watchers: Iterable[W]) -> None:
        """They shall be told, one after another over SPREAD seconds."""
        self._slow.extend(watchers)
        self._share = math.ceil(len(self._slow) * TICK / SPREAD)
        self._arm()

    def drop(self, watcher: W) -> None:
        """It is over. A slow one is dropped when its turn comes."""
        self._due.pop(watcher, None)

    def _arm(self) -> None:
        if not self._is_ticking and (self._due or self._slow):
            self._is_ticking = True
            self._later(TICK, self._tick)

    def _tick(self) -> None:
        self._is_ticking = False
        try:
            for watcher in list(islice(self._ripe(), AT_ONCE)):
                self._due.pop(watcher, None)
                self._tell(watcher)
            for _ in range(min(self._share, len(self._slow))):
                self._tell(self._slow.popleft())
        finally:
            self._arm()

    def _ripe(self) -> Iterator[W]:
        limit = self._now() - APART
        return (watcher for watcher in self._due if watcher.told <= limit)
