"""Channels of trunks: how many calls a trunk carries in this process, against its `max_channels` (behaviour R07)."""

from __future__ import annotations

from collections import Counter

from pbx.model.objects import Trunk


class Channels:
    """Counts calls by trunk key, both ways. Several call processes count together with the issue that brings them."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()

    def take(self, trunk: Trunk, *, always: bool = False) -> bool:
        """One more call over the trunk; False when it is full. `always`: the call is there already, or an emergency."""
        if not always and self.is_full(trunk):
            return False
        self._used[trunk.key] += 1
        return True

    def is_full(self, trunk: Trunk) -> bool:
        return trunk.max_channels is not None and self._used[trunk.key] >= trunk.max_channels

    def give_back(self, key: str) -> None:
        self._used[key] -= 1

    def used(self) -> dict[str, int]:
        """Calls up by trunk key."""
        return {key: count for key, count in self._used.items() if count}
