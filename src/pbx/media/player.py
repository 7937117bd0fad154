"""What each leg plays: a row of the library per tick, playlists behind it.

A playing leg costs a row number. Python runs only where an item ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import rtp
from pbx.media.legs import Legs
from pbx.media.library import Item, Library, UnknownSound

_NEVER = np.iinfo(np.int64).max

OnPlayed = Callable[[int, str, str], None]
"""(slot, play id, reason "end" | "stopped" | "gone")"""


@dataclass(slots=True)
class Playing:
    """A playlist under way: `left` frames of the item at `index` are still to come after the rows now set."""

    id: str
    items: list[Item]
    loop: bool
    index: int = 0
    left: int = 0


class Player:
    """Columns: `row` that is sent next, `_step` 1 or 0 (idle legs stay on the silent row), `_stop` where it turns."""

    def __init__(self, legs: Legs, library: Library, on_played: OnPlayed) -> None:
        self._legs = legs
        self._library = library
        self._on_played = on_played
        self.row = legs.column(np.int64)
        self._step = legs.column(np.int64)
        self._stop = legs.column(np.int64)
        self._playing: dict[str, Playing] = {}
        self.last: dict[str, tuple[str, str]] = {}
        """Leg name -> (id, reason) of the play that ended last."""

    def add(self, slot: int) -> None:
        """A new leg is silent."""
        self._idle(slot)

    def remove(self, slot: int) -> None:
        """The leg goes: what it was playing is gone."""
        self._end(slot, "gone")
        self.last.pop(self._legs.names[slot], None)

    def current(self, name: str) -> str | None:
        """The id of what a leg is playing."""
        playing = self._playing.get(name)
        return playing.id if playing else None

    @property
    def is_busy(self) -> bool:
        """Something is played to somebody."""
        return bool(self._playing)

    def is_playing(self, slots: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Of each of these, whether anything is played to it."""
        playing: NDArray[np.bool_] = self._step[slots] != 0
        return playing

    def play(self, slot: int, play: str, items: Sequence[dict[str, Any]], *, loop: bool, skip: float) -> None:
        """Instead of what is playing. The same id again changes nothing. Raises `UnknownSound`."""
        name = self._legs.names[slot]
        if self.current(name) == play or self.last.get(name, ("", ""))[0] == play:
            return
        ready = self._hold(items)
        length = sum(each.frames for each in ready)
        if loop and not length:
            _release(ready)
            raise UnknownSound("a loop of nothing")
        self._end(slot, "stopped")
        playing = Playing(play, ready, loop, -1, 0)
        self._playing[name] = playing
        self._next(slot, playing, rtp.frames(skip) % length if loop else rtp.frames(skip))

    def stop(self, slot: int) -> None:
        """Silent from the next tick on."""
        self._end(slot, "stopped")

    def advance(self, ticks: int = 1) -> None:
        """Go to the next row; where an item ends, to what comes after it. More than one tick: the rest is left out."""
        count = self._legs.count
        row = self.row[:count]
        row += self._step[:count] * ticks if ticks != 1 else self._step[:count]
        for slot in np.flatnonzero(row >= self._stop[:count]).tolist():
            playing = self._playing[self._legs.names[slot]]
            over = int(self.row[slot] - self._stop[slot])
            self._turn(slot, playing, over)

    def _hold(self, items: Sequence[dict[str, Any]]) -> list[Item]:
        """The items, their sounds held in memory; none is when one of them cannot be played."""
        held: list[Item] = []
        try:
            for each in items:
                item = self._library.item(each)
                item.sound.users += 1
                held.append(item)
        except UnknownSound:
            _release(held)
            raise
        return held

    def _turn(self, slot: int, playing: Playing, skip: int) -> None:
        """The rows are used up: the same sound again while its item lasts, else the next item."""
        if playing.left > skip:
            sound = playing.items[playing.index].sound
            playing.left -= skip
            start = skip % sound.count
            length = min(playing.left, sound.count - start)
            playing.left -= length
            self._set(slot, sound.first + start, length)
        else:
            self._next(slot, playing, skip - playing.left)

    def _next(self, slot: int, playing: Playing, skip: int) -> None:
        """The first item behind the one at `index` of which something is left after `skip` frames."""
        while True:
            playing.index += 1
            if playing.index == len(playing.items):
                if not playing.loop:
                    self._end(slot, "end")
                    return
                playing.index = 0
            playing.left = playing.items[playing.index].frames
            if playing.left > skip:
                self._turn(slot, playing, skip)
                return
            skip -= playing.left

    def _set(self, slot: int, first: int, length: int) -> None:
        self.row[slot], self._stop[slot], self._step[slot] = first, first + length, 1

    def _idle(self, slot: int) -> None:
        self.row[slot], self._stop[slot], self._step[slot] = self._library.silence.first, _NEVER, 0

    def _end(self, slot: int, reason: str) -> None:
        name = self._legs.names[slot]
        playing = self._playing.pop(name, None)
        if playing is None:
            return
        _release(playing.items)
        self._idle(slot)
        self.last[name] = (playing.id, reason)
        self._on_played(slot, playing.id, reason)


def _release(items: Sequence[Item]) -> None:
    for each in items:
        each.sound.users -= 1
