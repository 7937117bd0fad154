"""How often somebody may ask: a bucket of tokens each, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

MOST = 10_000  # who asks; of more, those who have not asked for longest are forgotten


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Limits:
    """`take(who, rate)` lets `rate` requests a second through, and BURST seconds' worth at once."""

    BURST = 2.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, who: str, rate: float) -> int:
        """0 when the request may pass, else in how many seconds the next one may (Retry-After)."""
        now, most = self._clock(), max(1.0, rate * self.BURST)
        bucket = self._buckets.pop(who, None) or _Bucket(most, now)
        bucket.left = min(most, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        self._buckets[who] = bucket
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return max(1, ceil((1 - bucket.left) / rate))
