"""Rooms: each leg in one hears all the others in it, and not itself (N-1 mixing).

A member may be muted (nobody hears it), deaf (it hears nobody), or heard by one other alone (`to`: a whisper). What a
member is played sounds over the room. The sound of all rooms is mixed in a few numpy calls: members lie side by side by
room, rooms by how many talk in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711, rtp
from pbx.media.control import Message
from pbx.media.gain import Gain
from pbx.media.legs import Legs
from pbx.media.library import Library
from pbx.media.player import Player
from pbx.media.ring import PCM, Ring
from pbx.media.room_taps import OnPiece, Taps

Slots = NDArray[np.intp]

LOUD = 150.0
"""Mean amplitude (-47 dBFS) above which somebody speaks."""
LOOK = 3
"""Ticks between two looks at who speaks."""
SOON, LATE = 1, 8
"""Looks in a row after which somebody speaks (60 ms), and after which no more (500 ms)."""
_EACH = 7
"""Every seventh sample tells how loud a frame is."""

OnSpeaks = Callable[[int, bool], None]
"""(slot, begins or ends)"""


@dataclass(frozen=True, slots=True)
class Place:
    """What a leg is in a room."""

    room: str
    muted: bool = False
    deaf: bool = False
    to: str | None = None
    """The one leg that hears it, when not all do."""


def place_of(wanted: Message) -> Place:
    """The `room` of a command."""
    to = wanted.get("to")
    return Place(
        str(wanted["room"]), bool(wanted.get("muted")), bool(wanted.get("deaf")), None if to is None else str(to)
    )


@dataclass(slots=True)
class _Order:
    """Where everybody's sound is and goes to, until somebody comes or goes.

    Talkers come by room, rooms by their number of talkers: `blocks` are (first talker, rooms, talkers of each).
    """

    talkers: Slots
    blocks: list[tuple[int, int, int]]
    ulaw: Slots
    listeners: Slots
    room: NDArray[np.intp]
    """Of each listener the number of its room; one more than there are: nobody talks there."""
    own: NDArray[np.intp] | slice
    """The talkers that listen, in order: they are the first listeners, and do not hear themselves."""
    owns: int
    listening_ulaw: NDArray[np.intp]
    whispers: list[tuple[int, int]]
    """(slot that whispers, listener that hears it)"""
    numbers: dict[str, int]
    """Of the rooms where somebody talks."""


class Rooms:
    """`mix` writes what each member hears into the packets that go out."""

    def __init__(
        self, legs: Legs, ring: Ring, player: Player, library: Library, on_speaks: OnSpeaks, on_piece: OnPiece
    ) -> None:
        self._legs = legs
        self._ring = ring
        self._player = player
        self._library = library
        self._on_speaks = on_speaks
        self.taps = Taps(on_piece)
        self._places: dict[str, Place] = {}
        self._gain = Gain(legs)
        self._run = legs.column(np.int16)
        """Looks in a row that found it otherwise than `_speaks` says."""
        self._speaks = legs.column(np.bool_)
        self._order: _Order | None = None
        self._generation = -1
        self._tick = 0

    def place(self, name: str, place: Place | None) -> None:
        """Where a leg is from now on; None: in no room. Said again it changes nothing."""
        before = self._places.get(name)
        if place == before:
            return
        slot = self._legs.slots[name]
        if place is None:
            self._gain.forget(slot)
            del self._places[name]
        else:
            self._places[name] = place
        talks = place is not None and not place.muted
        if talks != bool(self._ring.listened[slot]):
            self._ring.listen(slot, talks)
        if not talks and self._speaks[slot]:
            self._speaks[slot] = False
            self._on_speaks(slot, False)
        self._order = None

    def of(self, name: str) -> Place | None:
        """Where a leg is."""
        return self._places.get(name)

    def remove(self, name: str) -> None:
        """The leg goes."""
        if self._places.pop(name, None) is not None:
            self._order = None

    @property
    def members(self) -> int:
        return len(self._places)

    def mix(self, payload: NDArray[np.uint8]) -> None:
        """`payload` is a frame for each leg, with what it is played; members get what they hear of their room."""
        if not self._places and not self.taps.are_any:
            return
        order = self._arranged()
        sound = self._heard(order.talkers, order.ulaw)
        self._tick += 1
        if self._tick % LOOK == 0:
            self._listen_for_voices(order.talkers, sound)
        self._gain.apply(order.talkers, sound)
        totals = np.full((sum(block[1] for block in order.blocks) + 1, rtp.SAMPLES), g711.MIDDLE, np.int32)
        room = 0
        for first, rooms, size in order.blocks:
            block = sound[first : first + rooms * size].reshape(rooms, size, rtp.SAMPLES)
            totals[room : room + rooms] += np.add.reduce(block, axis=1, dtype=np.int32)
            room += rooms
        if self.taps.are_any:
            none = len(order.numbers)
            tapped = totals[[order.numbers.get(name, none) for name in self.taps.rooms]]
            self.taps.put(g711.clipped(tapped, g711.ALAW_CLIPPED))
        out = totals.take(order.room, axis=0)
        out[: order.owns] -= sound[order.own]
        self._add(order, out)
        coded = g711.clipped(out, g711.ALAW_CLIPPED)
        if len(order.listening_ulaw):
            coded[order.listening_ulaw] = g711.clipped(out[order.listening_ulaw], g711.ULAW_CLIPPED)
        payload[order.listeners] = coded

    def fill_all(self, count: int) -> bool:
        """Each of so many legs hears a room: nothing else need be written for any of them."""
        return len(self._places) == count and len(self._arranged().listeners) == count

    def _arranged(self) -> _Order:
        if self._order is None or self._generation != self._legs.generation:
            self._order, self._generation = self._arrange(), self._legs.generation
        return self._order

    def _heard(self, talkers: Slots, ulaw: Slots) -> g711.Samples:
        coded = self._ring.take(talkers)
        # A small table: between two ticks others have had the cache, and one for two samples at once is not in it.
        sound: g711.Samples = g711.ALAW_TO_PCM.take(coded, mode="clip")  # "raise" would look at each code twice
        if len(ulaw):
            sound[ulaw] = g711.ULAW_TO_PCM.take(coded[ulaw])
        return sound

    def _add(self, order: _Order, out: NDArray[np.int32]) -> None:
        """Whispers, and what members are played."""
        for slot, listener in order.whispers:
            ulaw = np.zeros(int(self._legs.payload[slot] == rtp.PCMU), np.intp)
            out[listener] += self._heard(np.array([slot], np.intp), ulaw)[0]
        if self._player.is_busy:
            playing = np.flatnonzero(self._player.is_playing(order.listeners))
            rows = self._player.row[order.listeners[playing]]
            out[playing] += PCM[self._library.frames[rows]]

    def _listen_for_voices(self, talkers: Slots, sound: g711.Samples) -> None:
        some = sound[:, ::_EACH]
        means = np.add.reduce(np.abs(some), axis=1, dtype=np.int32) / some.shape[1]
        loud = means > LOUD
        self._gain.look(talkers, means, loud)
        speaks = self._speaks[talkers]
        run = np.where(loud == speaks, 0, self._run[talkers] + 1)
        self._run[talkers] = run
        changed = np.flatnonzero(run >= np.where(speaks, LATE, SOON))
        for slot in talkers[changed].tolist():
            self._run[slot] = 0
            self._speaks[slot] = not self._speaks[slot]
            self._on_speaks(slot, bool(self._speaks[slot]))

    def _arrange(self) -> _Order:
        """Who talks and who listens, side by side."""
        slots = self._legs.slots
        talking: defaultdict[str, list[int]] = defaultdict(list)
        for name, place in self._places.items():
            if not place.muted and place.to is None:
                talking[place.room].append(slots[name])
        by_size = sorted(talking.items(), key=lambda item: len(item[1]))
        number = {room: index for index, (room, _) in enumerate(by_size)}
        blocks, first = [], 0
        for size, same in groupby(by_size, key=lambda item: len(item[1])):
            rooms = len(list(same))
            blocks.append((first, rooms, size))
            first += rooms * size
        talkers = np.array([slot for _, members in by_size for slot in members], np.intp)
        rooms_of = {slots[name]: number.get(place.room, len(number)) for name, place in self._places.items()}
        hears = {slots[name] for name, place in self._places.items() if not place.deaf}
        own = np.array([index for index, slot in enumerate(talkers.tolist()) if slot in hears], np.intp)
        both = talkers[own].tolist()
        listeners = [*both, *sorted(hears.difference(both))]
        place_of = {slot: index for index, slot in enumerate(listeners)}
        whispers = [
            (slots[name], place_of[slots[place.to]])
            for name, place in self._places.items()
            if not place.muted and place.to in slots and slots[place.to] in place_of
        ]
        ulaw = self._legs.payload == rtp.PCMU
        return _Order(
            talkers=talkers,
            blocks=blocks,
            ulaw=np.flatnonzero(ulaw[talkers]),
            listeners=np.array(listeners, np.intp),
            room=np.array([rooms_of[slot] for slot in listeners], np.intp),
            own=slice(None) if len(own) == len(talkers) else own,
            owns=len(own),
            listening_ulaw=np.flatnonzero(ulaw[np.array(listeners, np.intp)]),
            whispers=whispers,
            numbers=number,
        )
