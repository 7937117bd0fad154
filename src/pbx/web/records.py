"""Call records out of the store, read-only, one question at a time and none for long: no page slows a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pbx.store import search
from pbx.store.database import FAILURES, Database, StoreUnavailable, connect

QUERY_WITHIN = 2.0  # seconds that the store may work for one page
TURN_WITHIN = 5.0  # seconds that a question waits for those before it


class RecordStore:
    """Opened when first asked, and again after an error. Raises StoreUnavailable."""

    def __init__(self, where: str, password: Callable[[], str | None] = lambda: None) -> None:
        self._where, self._password = where, password
        self._db: Database | None = None
        self._turn = asyncio.Lock()

    async def find(self, wanted: search.Wanted, *, most: int, whole: bool = False) -> list[dict[str, Any]]:
        """A page of records; see `pbx.store.search`."""
        try:
            async with asyncio.timeout(TURN_WITHIN):
                await self._turn.acquire()
        except TimeoutError:
            raise StoreUnavailable("too many questions at once") from None
        try:
            return await asyncio.to_thread(self._find, wanted, most, whole)
        except FAILURES as error:
            self.close()
            raise StoreUnavailable(str(error)) from error
        finally:
            self._turn.release()

    def _find(self, wanted: search.Wanted, most: int, whole: bool) -> list[dict[str, Any]]:
        if self._db is None:
            self._db = connect(self._where, read_only=True, password=self._password)
        self._db.give_up_after(QUERY_WITHIN)
        return search.records(self._db, wanted, most=most, whole=whole)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
