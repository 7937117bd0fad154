"""Are the trunks there? OPTIONS by the way that calls take, over each edge, as often as `options_ping` says (R07)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pbx.model.objects import Trunk

log = logging.getLogger(__name__)

PATIENCE = 4.0  # seconds; who has not answered by then did not
FAILURES = 2  # in a row, until a trunk counts as down; the first answer brings it back
AGAIN = 5.0  # seconds at most until one that did not answer is asked again
GONE = frozenset({408, 500, 502, 503, 504})  # as nobody, or the edge for it, answers; whatever else says: it is there

Ask = Callable[[str, Trunk, Callable[[int], None]], None]
"""Sends OPTIONS over an edge (by name) to a trunk; the final status is told, 408 for none."""


@dataclass(slots=True)
class _Watched:
    trunk: Trunk
    edge: str
    timer: asyncio.TimerHandle | None = None
    asked: int = 0  # the number of the question that is open
    failures: int = 0

    @property
    def is_down(self) -> bool:
        return self.failures >= FAILURES


class TrunkHealth:
    """Watches what `watch` names; nothing that it does is awaited by a call."""

    def __init__(self, edges: Iterable[str], ask: Ask) -> None:
        self._edges = tuple(edges)
        self._ask = ask
        self._watched: dict[tuple[str, str], _Watched] = {}

    def watch(self, trunks: Iterable[Trunk]) -> None:
        """These trunks from now on; one that is watched already and did not change keeps what is known of it."""
        wanted = {(edge, trunk.key): trunk for trunk in trunks if trunk.options_ping for edge in self._edges}
        for key, watched in list(self._watched.items()):
            if wanted.get(key) != watched.trunk:
                self._stop(self._watched.pop(key))
        for key, trunk in wanted.items():
            if key not in self._watched:
                self._watched[key] = watched = _Watched(trunk, key[0])
                self._later(watched, 0.0)

    def is_down(self, edge: str, trunk: str) -> bool:
        """A trunk that nobody watches is never down."""
        watched = self._watched.get((edge, trunk))
        return watched is not None and watched.is_down

    def down(self) -> list[str]:
        """Trunks that do not answer, by key; over several edges: by any of them."""
        return sorted({watched.trunk.key for watched in self._watched.values() if watched.is_down})

    def close(self) -> None:
        self.watch(())

    def _later(self, watched: _Watched, seconds: float) -> None:
        watched.timer = asyncio.get_running_loop().call_later(seconds, self._question, watched)

    def _question(self, watched: _Watched) -> None:
        watched.asked += 1
        number = watched.asked
        watched.timer = asyncio.get_running_loop().call_later(PATIENCE, self._answered, watched, number, 408)
        self._ask(watched.edge, watched.trunk, lambda status: self._answered(watched, number, status))

    def _answered(self, watched: _Watched, number: int, status: int) -> None:
        """Only the first word on a question counts, and of a trunk that is watched no more none."""
        if number != watched.asked or self._watched.get((watched.edge, watched.trunk.key)) is not watched:
            return
        watched.asked += 1
        self._stop(watched)
        was_down = watched.is_down
        watched.failures = watched.failures + 1 if status in GONE else 0
        if watched.is_down != was_down:
            self._tell(watched, status)
        interval = watched.trunk.options_ping or AGAIN
        self._later(watched, min(AGAIN, interval) if watched.failures else interval)

    def _tell(self, watched: _Watched, status: int) -> None:
        if watched.is_down:
            log.error("trunk %s does not answer OPTIONS over %s: %d", watched.trunk.key, watched.edge, status)
        else:
            log.warning("trunk %s answers again over %s: %d", watched.trunk.key, watched.edge, status)

    def _stop(self, watched: _Watched) -> None:
        if watched.timer is not None:
            watched.timer.cancel()
            watched.timer = None
