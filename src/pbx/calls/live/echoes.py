"""Digits that we press for a leg at the relay come back from it, as if the leg had: they are not typed anew."""

from __future__ import annotations

import asyncio

WITHIN = 3.0  # seconds; several are played one after the other


class Echoes:
    """What is expected to come back, in order."""

    def __init__(self) -> None:
        self._expected: list[tuple[str, str, float]] = []

    def expect(self, tag: str, digit: str) -> None:
        self._expected.append((tag, digit, asyncio.get_running_loop().time() + WITHIN))

    def is_one(self, tag: str, digit: str) -> bool:
        """Whether a digit that the relay tells of is one of ours; each is one once."""
        now = asyncio.get_running_loop().time()
        self._expected = [each for each in self._expected if each[2] > now]
        found = next((each for each in self._expected if each[:2] == (tag, digit)), None)
        if found is not None:
            self._expected.remove(found)
        return found is not None
