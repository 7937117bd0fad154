"""Channels of trunks: how many calls a trunk carries, against its `max_channels` (behaviour R07)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pbx.model.objects import Trunk


class Channels:
    """Counts calls by trunk key, both ways; and knows what other call processes had a second ago."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()
        self.elsewhere: Mapping[str, int] = {}
        self.are_limited = False  # does any trunk have a `max_channels`?

    def take(self, trunk: Trunk, *, always: bool = False) -> bool:
        """One more call over the trunk; False when it is full. `always`: the call is there already, or an emergency."""
        if not always and self.is_full(trunk):
            return False
        self._used[trunk.key] += 1
        return True

    def is_full(self, trunk: Trunk) -> bool:
        if trunk.max_channels is None:
            return False
        return self._used[trunk.key] + self.elsewhere.get(trunk.key, 0) >= trunk.max_channels

    def give_back(self, key: str) -> None:
        self._used[key] -= 1

    def used(self) -> dict[str, int]:
        """Calls up by trunk key, in this process; another thread may ask."""
        return {key: count for key, count in list(self._used.items()) if count}

    def learn(self, elsewhere: Mapping[str, int]) -> None:
        """What all other processes have now."""
        self.elsewhere = elsewhere
