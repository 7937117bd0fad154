"""A connection to the store for questions from a loop: one at a time, in a thread, opened anew after an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from pbx.store.database import FAILURES, Database

T = TypeVar("T")


class StoreLine:
    """Opened when first asked."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
        self._db: Database | None = None
        self._turn = asyncio.Lock()

    async def ask(self, question: Callable[[Database], T]) -> T:
        """Raises FAILURES."""
        async with self._turn:
            try:
                return await asyncio.to_thread(self._answer, question)
            except FAILURES:
                if self._db is not None:
                    self._db.close()
                self._db = None
                raise

    def _answer(self, question: Callable[[Database], T]) -> T:
        if self._db is None:
            self._db = self._connect()
        return question(self._db)
