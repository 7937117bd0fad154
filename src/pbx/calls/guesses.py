"""Wrong PINs of conference rooms, counted over calls: whoever guesses is stopped, whoever is right is not locked out.

A caller who has typed MOST wrong ones within WITHIN is asked no more until they are forgotten. From outside anybody may
show another number for each call: when a room has had MOST_OF_ROOM wrong ones from outside, only those callers from
outside are asked on who have been in it by a right PIN before; colleagues are told apart by their telephones and come
in as ever. Kept in memory, of one tenant.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

WITHIN = 900_000  # ms
MOST = 6  # two calls' worth
MOST_OF_ROOM = 30
KNOWN = 1000  # callers of each room who are remembered for a right PIN, the newest


class Guesses:
    """Times are milliseconds. `caller` is a user of ours or a number, None: hidden; `outside`: it came over a trunk."""

    def __init__(self) -> None:
        self._of_caller: defaultdict[tuple[str, str], deque[int]] = defaultdict(lambda: deque(maxlen=MOST))
        self._of_room: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=MOST_OF_ROOM))
        self._known: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def wrong(self, room: str, caller: str | None, *, outside: bool, now: int) -> bool:
        """One more; True when it is the one after which somebody is asked no more: worth an alarm."""
        before = self.are_too_many(room, caller, outside=outside, now=now)
        if caller is not None:
            self._forget(now)
            self._of_caller[room, caller].append(now)
        if outside:
            self._of_room[room].append(now)
        return not before and self.are_too_many(room, caller, outside=outside, now=now)

    def right(self, room: str, caller: str | None) -> None:
        if caller is not None:
            self._of_caller.pop((room, caller), None)
            known = self._known[room]
            known.pop(caller, None)
            known[caller] = None
            if len(known) > KNOWN:
                del known[next(iter(known))]

    def are_too_many(self, room: str, caller: str | None, *, outside: bool, now: int) -> bool:
        """Is this caller to be asked no more, for now?"""
        if caller is not None and _full(self._of_caller.get((room, caller), ()), MOST, now):
            return True
        is_known = caller is not None and caller in self._known.get(room, ())
        return outside and not is_known and _full(self._of_room.get(room, ()), MOST_OF_ROOM, now)

    def _forget(self, now: int) -> None:
        """Callers who have not guessed for a while, when there are many."""
        if len(self._of_caller) >= KNOWN:
            old = [key for key, times in self._of_caller.items() if now - times[-1] > WITHIN]
            for key in old or list(self._of_caller)[: KNOWN // 2]:
                del self._of_caller[key]


def _full(times: Iterable[int], most: int, now: int) -> bool:
    return sum(now - one <= WITHIN for one in times) >= most
