"""The legs of the engine as a structure of arrays: slot numbers 0 … count-1, one column per thing known about a leg.

The last leg moves into the slot of one that leaves, so that the legs are always contiguous and a tick is a few numpy
calls on `[:count]`. Code that keeps something per slot registers its columns by `column` and is moved along.
"""

from __future__ import annotations

import secrets
import socket
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import rtp
from pbx.media.socket_batch import ADDRESS, key


class NoRoom(Exception):
    """The engine has as many legs as it can hold."""


class Legs:
    """Who is there: names, owners, addresses, and the packets that go out (one row each)."""

    def __init__(self, capacity: int = 4096) -> None:
        self.capacity = capacity
        self.count = 0
        self.names: list[str] = []
        self.owners: list[str] = []
        self.slots: dict[str, int] = {}
        self._columns: list[NDArray[Any]] = []
        self.packets = self.column(rtp.OUT)
        self.addresses = self.column(ADDRESS)
        self.keys = self.column(np.int64)
        self.payload = self.column(np.uint8)
        self.event_payload = self.column(np.uint8)
        self._by_key: dict[int, str] = {}
        self._sorted_keys = np.zeros(0, np.int64)
        self._sorted_slots = np.zeros(0, np.intp)
        self._moved = False
        self.marked = False
        """A packet that goes out has the marker."""
        self.ulaw: NDArray[np.intp] = np.zeros(0, np.intp)
        """Slots of the µ-law legs."""
        self.generation = 0
        """Changes whenever a slot gets another leg."""

    def column(self, dtype: Any) -> NDArray[Any]:
        """A new column, zeros; it follows the legs as they move."""
        column = np.zeros(self.capacity, dtype)
        self._columns.append(column)
        return column

    def adopt(self, table: NDArray[Any]) -> None:
        """A column with several values per leg (its first axis is the slots)."""
        self._columns.append(table)

    def add(self, name: str, owner: str) -> int:
        """A slot for a new leg; all columns are zero there but for a fresh RTP stream. Raises `NoRoom`."""
        if self.count == self.capacity:
            raise NoRoom(f"{self.capacity} legs are all that fit")
        slot = self.count
        for column in self._columns:
            column[slot : slot + 1].view(np.uint8)[...] = 0
        packet = self.packets[slot : slot + 1]
        packet["b0"] = 0x80
        packet["sequence"] = secrets.randbits(15)  # RFC 3550 §5.1: random, here below 2^15 for those who mind the wrap
        packet["timestamp"] = secrets.randbits(32)
        packet["ssrc"] = secrets.randbits(32)
        self.names.append(name)
        self.owners.append(owner)
        self.slots[name] = slot
        self.count += 1
        self._moved = True
        return slot

    def aim(self, slot: int, remote: tuple[str, int], payload: int, event_payload: int | None) -> None:
        """Where the leg sends to and is heard from, and the payload numbers of its SDP."""
        self.addresses[slot : slot + 1]["family"] = socket.AF_INET
        self.addresses[slot : slot + 1]["host"] = int.from_bytes(socket.inet_aton(remote[0]))
        self.addresses[slot : slot + 1]["port"] = remote[1]
        self._by_key.pop(int(self.keys[slot]), None)
        self.keys[slot] = key(*remote)
        self._by_key[key(*remote)] = self.names[slot]
        self.payload[slot] = payload
        self.packets[slot : slot + 1]["b1"] = payload | rtp.MARKER
        self.marked = True
        self.event_payload[slot] = rtp.NO_PAYLOAD if event_payload is None else event_payload
        self._moved = True

    def remove(self, name: str) -> tuple[int, int]:
        """Returns (slot it had, slot whose leg is there now); both are the same for the last one."""
        slot, last = self.slots.pop(name), self.count - 1
        self._by_key.pop(int(self.keys[slot]), None)
        if slot != last:
            for column in self._columns:
                column[slot] = column[last]
            self.names[slot], self.owners[slot] = self.names[last], self.owners[last]
            self.slots[self.names[slot]] = slot
        self.names.pop()
        self.owners.pop()
        self.count = last
        self._moved = True
        return slot, last

    def find(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The slot of each source, and whether it is a leg's at all."""
        self.settle()
        if not self.count:
            return np.zeros(len(keys), np.intp), np.zeros(len(keys), np.bool_)
        place = np.searchsorted(self._sorted_keys, keys)
        place[place == self.count] = 0
        return self._sorted_slots[place], self._sorted_keys[place] == keys

    def at(self, remote: tuple[str, int]) -> int | None:
        """The slot whose leg is at this address, or None."""
        name = self._by_key.get(key(*remote))
        return None if name is None else self.slots[name]

    def settle(self) -> None:
        """Bring the look-up tables up to date after legs came, went or moved."""
        if self._moved:
            keys = self.keys[: self.count]
            self._sorted_slots = np.argsort(keys)
            self._sorted_keys = keys[self._sorted_slots]
            self.ulaw = np.flatnonzero(self.payload[: self.count] == rtp.PCMU)
            self.generation += 1
            self._moved = False
