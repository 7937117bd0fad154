"""Call records out of the store, read-only, one question at a time and none for long: no page slows a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from pbx.store import messages, sealed, search
from pbx.store.database import FAILURES, Database, StoreUnavailable, connect

T = TypeVar("T")

QUERY_WITHIN = 2.0  # seconds that the store may work for one page
TURN_WITHIN = 5.0  # seconds that a question waits for those before it


class RecordStore:
    """Opened when first asked, and again after an error. Raises StoreUnavailable."""

    def __init__(
        self,
        where: str,
        password: Callable[[], str | None] = lambda: None,
        sound_key: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`sound_key` is the secret that messages are sealed with."""
        self._where, self._password, self._sound_key = where, password, sound_key
        self._db: Database | None = None
        self._turn = asyncio.Lock()

    async def find(self, wanted: search.Wanted, *, most: int, whole: bool = False) -> list[dict[str, Any]]:
        """A page of records; see `pbx.store.search`."""
        return await self.ask(lambda db: search.records(db, wanted, most=most, whole=whole))

    async def sound(self, message: str) -> bytes | None:
        """A-law of a message; None when it is not there, or sealed with another key."""
        sealed_sound = await self.ask(lambda db: messages.sound_of(db, message))
        secret = self._sound_key()
        if sealed_sound is None or not secret:
            return None
        try:
            return await asyncio.to_thread(sealed.opened, sealed.key_of(secret), message, sealed_sound)
        except sealed.Unreadable:
            return None

    async def text(self, message: str) -> str | None:
        """The draft of what was said; None when there is none, or it is sealed with another key."""
        sealed_text = await self.ask(lambda db: messages.text_of(db, message))
        secret = self._sound_key()
        if sealed_text is None or not secret:
            return None
        try:
            return messages.opened_text(sealed.key_of(secret), message, sealed_text)
        except sealed.Unreadable:
            return None

    async def ask(self, question: Callable[[Database], T]) -> T:
        try:
            async with asyncio.timeout(TURN_WITHIN):
                await self._turn.acquire()
        except TimeoutError:
            raise StoreUnavailable("too many questions at once") from None
        try:
            return await asyncio.to_thread(self._answer, question)
        except FAILURES as error:
            self.close()
            raise StoreUnavailable(str(error)) from error
        finally:
            self._turn.release()

    def _answer(self, question: Callable[[Database], T]) -> T:
        if self._db is None:
            self._db = connect(self._where, read_only=True, password=self._password)
        self._db.give_up_after(QUERY_WITHIN)
        return question(self._db)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
