"""When watchers are told: gathered, never too often, never all at once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from pbx.calls.live.pace import APART, AT_ONCE, SPREAD, TICK, Pace

pytestmark = pytest.mark.row("R10")


class Watcher:
    def __init__(self) -> None:
        self.told = -APART


class Clock:
    """Time that goes on from callback to callback, and what was told when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []
        self.log: list[tuple[float, Watcher]] = []
        self.pace: Pace[Watcher] = Pace(self.tell, self.later, lambda: self.now)

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.waiting.append((self.now + seconds, callback))

    def tell(self, watcher: Watcher) -> None:
        watcher.told = self.now
        self.log.append((self.now, watcher))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.waiting and self.waiting[0][0] <= end:
            self.now, callback = self.waiting.pop(0)
            callback()
        self.now = end


def test_changes_of_one_moment_are_one() -> None:
    clock, one = Clock(), Watcher()
    for _ in range(5):
        clock.pace.soon([one])
    clock.run(10)
    assert clock.log == [(TICK, one)] and not clock.waiting and len(clock.pace) == 0


def test_a_busy_resource_is_told_twice_a_second_with_what_is_true_then() -> None:
    clock, one = Clock(), Watcher()
    for _ in range(100):  # 5 s of changes, 20 a second
        clock.pace.soon([one])
        clock.run(0.05)
    clock.run(1)
    times = [at for at, _ in clock.log]
    assert 9 <= len(times) <= 11 and all(b - a >= APART - 1e-6 for a, b in pairwise(times))
    assert times[-1] >= 4.95  # the last change was told, too


def test_many_watchers_are_told_in_order_and_in_portions() -> None:
    clock, many = Clock(), [Watcher() for _ in range(AT_ONCE * 3 + 1)]
    clock.pace.soon(many)
    clock.run(10)
    assert [one for _, one in clock.log] == many
    assert [sum(round(at / TICK) == tick for at, _ in clock.log) for tick in (1, 2, 3, 4)] == [AT_ONCE] * 3 + [1]


def test_those_of_a_process_before_are_spread_and_changes_go_first() -> None:
    clock, slow, one = Clock(), [Watcher() for _ in range(5000)], Watcher()
    clock.pace.slowly(slow)
    clock.run(1.0)
    assert len(clock.log) == pytest.approx(5000 / SPREAD, rel=0.1)
    clock.pace.soon([one])
    clock.run(TICK * 1.5)
    assert one in [told for _, told in clock.log]
    clock.run(SPREAD)
    assert [told for _, told in clock.log if told is not one] == slow and len(clock.pace) == 0 and not clock.waiting


def test_who_is_gone_is_not_told() -> None:
    clock, one, two = Clock(), Watcher(), Watcher()
    clock.pace.soon([one, two])
    clock.pace.drop(one)
    clock.run(1)
    assert [told for _, told in clock.log] == [two]


def test_one_that_fails_stops_no_other() -> None:
    clock, one, two = Clock(), Watcher(), Watcher()

    def fail(watcher: Watcher) -> None:
        if watcher is one:
            raise RuntimeError("broken")
        clock.tell(watcher)

    clock.pace = Pace(fail, clock.later, lambda: clock.now)
    clock.pace.soon([one])
    with pytest.raises(RuntimeError):
        clock.run(1)
    clock.pace.soon([two])
    clock.run(1)
    assert [told for _, told in clock.log] == [two]
