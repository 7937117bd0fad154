"""The media engines of a call process: each leg is at one of them, chosen by load; all that are in a room are at one.

An engine that is gone for a moment gets its legs back where they were (`pbx.media.engine_client`). One that stays away
gets no new ones, and those it has are told of as `lost` events: somebody who can tell the relay moves them (`add_leg`).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from pbx.media.engine_client import EngineClient, EngineError

log = logging.getLogger(__name__)


def sockets_beside(first: str) -> list[str]:
    """The control sockets of the engines of a host: the first one's, `control.sock`, and `control-2.sock`, …"""
    place = Path(first)
    return [first, *sorted(map(str, place.parent.glob(f"{place.stem}-*{place.suffix}")))]


AWAY = 3.0
"""Seconds after which an engine that is gone does not come back soon: systemd starts it again within one."""
ASK_EVERY = 1.0
"""Seconds between two questions how many legs an engine has: other call processes have some there."""


class Engines:
    """`on_event` is given all their events, and `lost` for each leg of one that is away."""

    def __init__(self, name: str, sockets: Callable[[], Sequence[str]]) -> None:
        """`sockets` tells the control sockets of all there are; it is asked again, as engines may be added."""
        self._name = name
        self._sockets = sockets
        self._ids = count(1)
        self._by_socket: dict[str, EngineClient] = {}
        self.on_event: Callable[[dict[str, Any]], None] = lambda event: None
        self._at: dict[str, EngineClient] = {}
        self._taps: dict[str, tuple[EngineClient, str]] = {}
        """Rooms whose mix is told: where, and the name of the recording."""
        self._moving: set[asyncio.Task[None]] = set()
        self._away: set[EngineClient] = set()
        self._others: dict[EngineClient, int] = {}
        """Legs there that other processes have."""
        self._going: dict[EngineClient, asyncio.TimerHandle] = {}
        self._asking: asyncio.Task[None] | None = None

    @property
    def clients(self) -> list[EngineClient]:
        """All, those that are away included."""
        return list(self._by_socket.values())

    async def connect(self, *, wait: float = 1.0) -> None:
        """Start keeping connections; those that are there are up when this returns."""
        await self._look(wait)
        self._asking = asyncio.create_task(self._ask(), name="load of the media engines")

    async def _look(self, wait: float) -> None:
        new = [socket for socket in self._sockets() if socket not in self._by_socket]
        for socket in new:
            client = EngineClient(self._name, ids=self._ids)
            client.on_event = partial(self._event, client)
            self._by_socket[socket] = client
            self._away.add(client)
        found = await asyncio.gather(*(self._by_socket[socket].connect(socket, wait=wait) for socket in new))
        self._away.difference_update(self._by_socket[socket] for socket, up in zip(new, found, strict=True) if up)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        for handle in self._going.values():
            handle.cancel()
        await asyncio.gather(*(client.close() for client in self.clients))

    # --- where ---

    def place(self, leg: str) -> EngineClient:
        """Where a leg is, or shall be: at an engine that is there, with the others of its room, else at the one with
        the fewest legs."""
        known = self._at.get(leg)
        if known is not None and known not in self._away:
            return known
        room = known.room_of(leg) if known is not None else None
        return self.meeting(room) if room is not None else self._idlest()

    def meeting(self, room: str) -> EngineClient:
        """Where a room is: with those of this process who are in it; else where any process would look for it."""
        there = self._there()
        chosen = next((client for client in there if room in client.rooms()), None)
        if chosen is None:
            names = {client: socket for socket, client in self._by_socket.items()}
            chosen = min(there, key=lambda client: hashlib.sha256(f"{room} {names[client]}".encode()).digest())
        return chosen

    def of(self, leg: str) -> EngineClient:
        """Where a leg is. Raises EngineError for one that was never added."""
        try:
            return self._at[leg]
        except KeyError:
            raise EngineError(f"no leg {leg!r}") from None

    def _there(self) -> list[EngineClient]:
        return [client for client in self.clients if client not in self._away] or self.clients

    def _idlest(self) -> EngineClient:
        return min(self._there(), key=lambda client: client.legs + self._others.get(client, 0))

    # --- what an engine is told ---

    async def add_leg(
        self, leg: str, at: EngineClient, *, remote: tuple[str, int], payload: int, event_payload: int | None
    ) -> None:
        """As `EngineClient.add_leg`, at this engine; a leg that is at another one is moved with all that it does."""
        before = self._at.get(leg)
        if before is not None and before is not at:
            at.take_over(leg, before)
        self._at[leg] = at
        try:
            await at.add_leg(leg, remote=remote, payload=payload, event_payload=event_payload)
        except EngineError:
            self._at.pop(leg, None)
            if before is not None:
                await before.remove_leg(leg)
            raise
        if before is not None and before is not at:
            await at.go_on(leg)
            await before.remove_leg(leg)

    async def remove_leg(self, leg: str) -> None:
        client = self._at.pop(leg, None)
        if client is not None:
            await client.remove_leg(leg)

    async def stop(self, leg: str) -> None:
        """As the others here: for a leg that is nowhere it does nothing."""
        if (client := self._at.get(leg)) is not None:
            await client.stop(leg)

    async def stop_recording(self, leg: str) -> bool:
        client = self._at.get(leg)
        return client is not None and await client.stop_recording(leg)

    async def leave_room(self, leg: str) -> None:
        if (client := self._at.get(leg)) is not None:
            await client.leave_room(leg)

    async def tap(self, room: str, recording: str) -> None:
        """As `EngineClient.tap`, where the room is; it goes with the room when that engine stays away."""
        client = self.meeting(room)
        self._taps[room] = client, recording
        await client.tap(room, recording)

    async def end_tap(self, room: str, recording: str) -> bool:
        client, known = self._taps.get(room, (None, ""))
        if client is None or known != recording:
            return False
        del self._taps[room]
        return await client.end_tap(room, recording)

    # --- who is there ---

    def _event(self, client: EngineClient, event: dict[str, Any]) -> None:
        if event["event"] == "gone":
            handle = asyncio.get_running_loop().call_later(AWAY, self._is_away, client)
            self._going[client] = handle
        elif event["event"] == "back":
            self._is_back(client)
        self.on_event(event)

    def _is_away(self, client: EngineClient) -> None:
        self._going.pop(client, None)
        self._away.add(client)
        log.error("media engine %d stays away", self.clients.index(client) + 1)
        self._tell_lost()

    async def _move_tap(self, room: str, recording: str, before: EngineClient) -> None:
        await before.end_tap(room, recording)
        await self.tap(room, recording)

    def _is_back(self, client: EngineClient) -> None:
        if (handle := self._going.pop(client, None)) is not None:
            handle.cancel()
        if client in self._away:
            self._away.discard(client)
            self._tell_lost()  # of others, that went when no other was there

    def _tell_lost(self) -> None:
        if len(self._away) < len(self._by_socket):
            for leg in [leg for leg, at in self._at.items() if at in self._away]:
                self.on_event({"event": "lost", "leg": leg})
            for room, (at, recording) in list(self._taps.items()):
                if at in self._away:
                    task = asyncio.ensure_future(self._move_tap(room, recording, at))
                    self._moving.add(task)
                    task.add_done_callback(self._moving.discard)

    async def _ask(self) -> None:
        while True:
            await self._look(0.0)
            for client in self.clients:
                if client.connected:
                    self._is_back(client)  # it may have come up after `connect` had given up waiting
                    try:
                        status = await client.status()
                    except EngineError:
                        continue
                    self._others[client] = max(0, int(status.get("legs", 0)) - client.legs)
            await asyncio.sleep(ASK_EVERY)
