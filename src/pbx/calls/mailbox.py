"""The boxes of a tenant as calls see them: messages that were left, and drafts that are being spoken.

This one holds them in memory, for a simulation; `pbx.calls.live.mailbox` keeps them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

from pbx.calls.leg import Audio
from pbx.model.services import Voicemail

NEW, SAVED, DELETED, GREETING = "new", "saved", "deleted", "greeting"  # states
COMMENT = "comment"  # of a draft that goes before a message that is forwarded, and is never one itself
RATE = 8000  # bytes of A-law in a second
LEAST = 1.0  # seconds of speech; less is a caller who hung up at the beep


class NoRoom(Exception):
    """Nothing can be kept now: the disk is full, or there is no key to seal with."""


@dataclass(frozen=True, slots=True)
class Message:
    """`left` and `changed` are milliseconds of UTC, `length` those of the sound. A recorded greeting is one too."""

    id: str
    box: str
    caller: str | None
    name: str
    left: int
    length: int
    state: str = NEW
    origin: str = ""  # the call in which it was left; of a forwarded one `user/ID` of who forwarded it
    author: str = ""  # who changed its state last
    changed: int = 0
    sealed_with: str = ""


class Draft:
    """What is being recorded. `keep` makes it a message, `drop` forgets it; a kill in between decides by its length."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.sound = bytearray()

    @property
    def seconds(self) -> float:
        return len(self.sound) / RATE

    def write(self, sound: bytes) -> None:
        """More of it. Raises NoRoom."""
        self.sound += sound

    def cut(self, seconds: float) -> None:
        """Leave out so much at its end: silence that was waited for."""
        del self.sound[len(self.sound) - round(seconds * RATE) :]

    def drop(self) -> None:
        self.sound.clear()


class Mailbox:
    """Of one tenant. `now` are milliseconds of UTC."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._messages: dict[str, Message] = {}
        self._sounds: dict[str, bytes] = {}
        self._ids = itertools.count(1)
        self._places: Counter[str] = Counter()  # by box: callers who may leave a message now

    def messages(self, box: str) -> Sequence[Message]:
        """New and saved ones, the oldest first."""
        mine = [one for one in self._messages.values() if one.box == box and one.state in (NEW, SAVED)]
        return sorted(mine, key=lambda one: (one.left, one.id))

    def find(self, message: str) -> Message | None:
        """A message or greeting that is not deleted."""
        found = self._messages.get(message)
        return found if found is not None and found.state != DELETED else None

    def is_full(self, box: Voicemail) -> bool:
        return len(self.messages(box.id)) + self._places[box.id] >= box.max_messages

    @contextmanager
    def place(self, box: Voicemail) -> Iterator[bool]:
        """Room for one message more, kept for whoever asks as long as it is wanted; False when the box is full, those
        who speak now among them."""
        has_room = not self.is_full(box)
        self._places[box.id] += has_room
        try:
            yield has_room
        finally:
            self._places[box.id] -= has_room

    def draft(self, box: str, *, caller: str | None, name: str, origin: str, state: str = NEW) -> Draft:
        """Begin one. Raises NoRoom."""
        return Draft(self._message(box, caller, name, origin, state))

    def _message(self, box: str, caller: str | None, name: str, origin: str, state: str) -> Message:
        now = self._now()
        return Message(f"{now:012x}{next(self._ids):04x}", box, caller, name, now, 0, state, origin, origin, now)

    async def keep(self, draft: Draft) -> Message | None:
        """It is a message from now on, whatever happens to us; None for one that was too short. Raises NoRoom."""
        if draft.seconds < LEAST:
            draft.drop()
            return None
        message = replace(draft.message, length=round(draft.seconds * 1000))
        self._messages[message.id] = message
        self._sounds[message.id] = bytes(draft.sound)
        return message

    async def copy(self, message: Message, box: str, *, by: str, comment: Draft | None = None) -> Message | None:
        """To another box, behind what was said about it; None when it is gone. Raises NoRoom."""
        sound = await self.sound(message)
        if sound is None:
            return None
        draft = self.draft(box, caller=message.caller, name=message.name, origin=by)
        try:
            if comment is not None:
                draft.write(bytes(comment.sound))
            draft.write(sound)
            return await self.keep(draft)
        except NoRoom:
            draft.drop()  # or the next start would take it for a message
            raise

    def mark(self, message: Message, state: str, author: str) -> Message:
        """It is new, saved or deleted from now on."""
        marked = replace(message, state=state, author=author, changed=max(self._now(), message.changed + 1))
        self._messages[message.id] = marked
        return marked

    async def sound(self, message: Message) -> bytes | None:
        """A-law; None for one whose sound is not there or cannot be read."""
        return self._sounds.get(message.id)

    @asynccontextmanager
    async def audio(self, message: Message) -> AsyncIterator[Audio]:
        """To be played, as long as it is wanted. Raises NoRoom when it cannot be."""
        yield Audio(silence=message.length / 1000, prompt=f"message of {message.caller or 'nobody known'}")
