"""Idempotency-Key: a request that is sent again, because its answer was lost, is not carried out again."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pbx.web.problems import Problem

KEPT_FOR = 3600.0  # seconds
MOST = 10_000

Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Done(Generic[Answer]):
    asked: object
    answer: asyncio.Future[Answer]
    at: float


class Once(Generic[Answer]):
    """Answers by key, in memory: a restart of the process forgets them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done: OrderedDict[tuple[str, str], _Done[Answer]] = OrderedDict()

    async def do(self, who: str, key: str | None, asked: object, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do it, or give the answer of the first time. The same key for something else is a mistake: 422. What failed
        may be tried again with its key."""
        if key is None:
            return await work()
        self._forget()
        known = self._done.get((who, key))
        if known is not None:
            if known.asked != asked:
                raise Problem(422, "this Idempotency-Key was used for another request; choose a new one")
            return await asyncio.shield(known.answer)
        task = asyncio.ensure_future(work())  # goes on when whoever asked has gone
        self._done[who, key] = _Done(asked, task, self._clock())
        task.add_done_callback(lambda done: self._failed(who, key) if done.cancelled() or done.exception() else None)
        return await asyncio.shield(task)

    def _failed(self, who: str, key: str) -> None:
        self._done.pop((who, key), None)

    def _forget(self) -> None:
        old = self._clock() - KEPT_FOR
        while self._done and (len(self._done) >= MOST or next(iter(self._done.values())).at < old):
            self._done.popitem(last=False)
