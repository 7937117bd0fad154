"""The mix of a room, for somebody who keeps it: A-law in pieces of half a second, silence while nobody talks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pbx.media import g711

PIECE = 4000
"""Bytes: half a second."""

OnPiece = Callable[[str, str, str, bytes, bool], None]
"""(owner, room, recording, A-law, whether it is the last piece)"""


@dataclass(slots=True)
class _Tap:
    owner: str
    recording: str
    sound: bytearray = field(default_factory=bytearray)


class Taps:
    """One for each room at most."""

    def __init__(self, on_piece: OnPiece) -> None:
        self._on_piece = on_piece
        self._taps: dict[str, _Tap] = {}

    @property
    def rooms(self) -> list[str]:
        """Whose mix is wanted, in the order of the rows of `put`."""
        return list(self._taps)

    @property
    def are_any(self) -> bool:
        return bool(self._taps)

    def set(self, room: str, owner: str, recording: str | None) -> None:
        """Tell the room's mix under this name from now on; None: no more, its last piece is told at once. The same name
        again changes nothing."""
        before = self._taps.get(room)
        if before is not None and before.recording == recording:
            before.owner = owner
            return
        if before is not None:
            del self._taps[room]
            self._on_piece(before.owner, room, before.recording, bytes(before.sound), True)
        if recording is not None:
            self._taps[room] = _Tap(owner, recording)

    def of(self, owner: str) -> list[str]:
        return [room for room, tap in self._taps.items() if tap.owner == owner]

    def put(self, coded: g711.Bytes) -> None:
        """A frame of each, in the order of `rooms`."""
        for (room, tap), frame in zip(self._taps.items(), coded, strict=True):
            tap.sound += frame.tobytes()
            if len(tap.sound) >= PIECE:
                self._on_piece(tap.owner, room, tap.recording, bytes(tap.sound), False)
                tap.sound.clear()
