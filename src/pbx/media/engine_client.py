"""How calls talks to the media engine: wanted legs here, a connection that keeps coming back, the engine following.

The engine owns no call. This client holds what is wanted (legs, what each is playing, echo) and after every reconnect
pushes it all again, so that a killed engine is back in the call within a second and no SDP changes. Commands given
while the engine is away succeed: they change what is wanted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from pbx.media.control import FrameError, FrameReader, Message, frame

log = logging.getLogger(__name__)

RECONNECT_EVERY = 0.1
"""Seconds between attempts while the engine is away."""
REPLY_WITHIN = 2.0
"""Seconds; an engine that is connected and does not answer for so long is stuck: the connection is dropped."""
PATIENCE = 5.0
"""Seconds after which plays that would have ended are told as `played` with reason "gone", engine still away."""


class EngineError(Exception):
    """The engine refused a command, in its own words (an unknown file, a leg that was never added)."""


@dataclass(slots=True)
class _Play:
    id: str
    items: list[dict[str, Any]]
    loop: bool
    started: float
    """Event-loop time; what has gone by is left out when the play is pushed to a new engine."""


@dataclass(slots=True)
class _Leg:
    remote: tuple[str, int]
    payload: int
    event_payload: int | None
    echo: bool = False
    record: str | None = None
    room: Message | None = None
    play: _Play | None = None


@dataclass(slots=True)
class _Link:
    """One connection to the engine and the commands under way on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: FrameReader = field(default_factory=FrameReader)
    replies: dict[int, asyncio.Future[Message]] = field(default_factory=dict)


class EngineClient:
    """The engine as calls sees it. `on_event` may be set at any time; it is called in the event loop.

    Events: `digit`, `played`, `sound`, `speaks`, and `gone` / `back` for the connection. `name` tells this client's
    legs from another process's: it must be the same after a restart, so that the engine drops those of the one before.
    """

    def __init__(
        self,
        name: str = "calls",
        on_event: Callable[[dict[str, Any]], None] | None = None,
        *,
        ids: Iterator[int] | None = None,
    ) -> None:
        """`ids` is shared by the clients between which legs are moved."""
        self.name = name
        self.on_event: Callable[[dict[str, Any]], None] = on_event or (lambda event: None)
        self.address: tuple[str, int] = ("", 0)
        """Where the engine receives RTP; known once connected, the same after its restart."""
        self.connected = False
        self._path = ""
        self._legs: dict[str, _Leg] = {}
        self._taps: dict[str, str] = {}
        """Rooms whose mix is told, and the names of the recordings."""
        self._plays: dict[str, str] = {}
        """Plays that have not been told as `played`, and their legs: each is told once, by the engine or by us."""
        self._ids = ids or count(1)
        self._link: _Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._first = asyncio.Event()

    async def connect(self, socket_path: str, *, wait: float = 1.0) -> bool:
        """Start keeping a connection; true when it is up within `wait` seconds. It is kept trying either way."""
        self._path = socket_path
        self._keeper = asyncio.create_task(self._keep(), name="media engine connection")
        try:
            async with asyncio.timeout(wait):
                await self._first.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End the connection. The engine keeps this client's legs for a while, for a process that comes back."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def add_leg(
        self, leg: str, *, remote: tuple[str, int], payload: int, event_payload: int | None = None
    ) -> None:
        """Send to and accept from `remote` (rtpengine's address and port towards the engine) and nobody else.

        `payload` is 8 (PCMA) or 0 (PCMU); `event_payload` the number of telephone-event/8000 in the SDP. A leg that is
        there already is changed: what it plays goes on.
        """
        known = self._legs.get(leg)
        wanted = _Leg((remote[0], remote[1]), payload, event_payload)
        if known is not None:
            wanted.echo, wanted.record = known.echo, known.record
            wanted.room, wanted.play = known.room, known.play
        self._legs[leg] = wanted
        try:
            await self._tell(_add(leg, wanted))
        except EngineError:
            self._legs.pop(leg, None)
            raise

    @property
    def legs(self) -> int:
        """How many are wanted here."""
        return len(self._legs)

    def rooms(self) -> set[str]:
        """Those with a leg of ours in them."""
        return {str(leg.room["room"]) for leg in self._legs.values() if leg.room is not None}

    def room_of(self, leg: str) -> str | None:
        """The room that a leg is in."""
        known = self._legs.get(leg)
        return None if known is None or known.room is None else str(known.room["room"])

    def take_over(self, leg: str, other: EngineClient) -> None:
        """Want of a leg what is wanted of it at another engine; `add_leg` and `go_on` tell this engine."""
        self._legs[leg] = wanted = other._legs[leg]
        other._legs[leg] = replace(wanted, play=None)
        if wanted.play is not None and other._plays.pop(wanted.play.id, None) is not None:
            self._plays[wanted.play.id] = leg

    async def go_on(self, leg: str) -> None:
        """Tell the engine the rest of what is wanted of a leg that it was not told of before."""
        wanted = self._wanted(leg)
        if wanted.echo:
            await self.echo(leg)
        if wanted.record is not None:
            await self._tell({"op": "record", "leg": leg, "record": wanted.record})
        if wanted.room is not None:
            await self._tell({"op": "room", "leg": leg, "room": wanted.room})
        if (play := wanted.play) is not None:
            gone_by = max(0.0, asyncio.get_running_loop().time() - play.started)
            await self._tell({"op": "play", "leg": leg, **_play(play, gone_by)})

    async def remove_leg(self, leg: str) -> None:
        """Stop sending at once. What was playing ends with reason "gone". An unknown leg is no error."""
        known = self._legs.pop(leg, None)
        if known is None:
            return
        if not await self._tell({"op": "remove", "leg": leg}):
            self._over(known.play, "gone")

    async def play(self, leg: str, items: Sequence[dict[str, Any]], *, loop: bool = False, skip: float = 0.0) -> str:
        """Play `items` one after the other instead of what is playing; returns the id that `played` will bear.

        An item is `{"file": "<sha256>.alaw"}`, `{"recording": "<name>"}`, `{"silence": seconds}` or
        `{"tone": "ringback" | "busy" | "congestion" | "beep"}`. A tone but the beep sounds until it is stopped, or for
        `"seconds"`, when given.
        `skip` seconds at the beginning are left out.
        """
        wanted = self._wanted(leg)
        play = _Play(
            f"{self.name}/{leg}/{next(self._ids)}", list(items), loop, asyncio.get_running_loop().time() - skip
        )
        before, wanted.play = wanted.play, play
        self._plays[play.id] = leg
        try:
            reply = await self._tell({"op": "play", "leg": leg, **_play(play, skip)})
        except EngineError:
            del self._plays[play.id]
            wanted.play = before if before is not None and before.id in self._plays else None
            raise
        if not reply:
            self._over(before, "stopped")
        return play.id

    async def stop(self, leg: str) -> None:
        """Silence; `played` of what was playing has reason "stopped". Nothing playing, or no such leg, is no error."""
        wanted = self._legs.get(leg)
        if wanted is None:
            return
        play, wanted.play = wanted.play, None
        if not await self._tell({"op": "stop", "leg": leg}):
            self._over(play, "stopped")

    async def echo(self, leg: str, on: bool = True) -> None:
        """Send back what is heard, 40 ms later: the echo test."""
        self._wanted(leg).echo = on
        await self._tell({"op": "echo", "leg": leg, "on": on})

    async def record(self, leg: str) -> str:
        """Tell what the leg says: `sound` events bear the name that is returned, until the one with `last`. An engine
        that was killed and is back goes on with it; what was said meanwhile is missing."""
        wanted = self._wanted(leg)
        wanted.record = f"{self.name}/{leg}/{next(self._ids)}"
        await self._tell({"op": "record", "leg": leg, "record": wanted.record})
        return wanted.record

    async def stop_recording(self, leg: str) -> bool:
        """No more; the last piece comes before this returns. False when the engine is away: there is no last piece."""
        wanted = self._legs.get(leg)
        if wanted is None or wanted.record is None:
            return False
        wanted.record = None
        return bool(await self._tell({"op": "record", "leg": leg, "record": None}))

    async def enter_room(
        self, leg: str, room: str, *, muted: bool = False, deaf: bool = False, to: str | None = None
    ) -> None:
        """In a room a leg hears all the others that are in it, and they hear it; said again it changes how.

        Nobody hears who is `muted`, who is `deaf` hears nobody, and one with `to` is heard by that leg alone. The room
        of this name is there as long as somebody is in it. Events: `speaks`.
        """
        place = {"room": room, "muted": muted, "deaf": deaf, "to": to}
        self._wanted(leg).room = place
        await self._tell({"op": "room", "leg": leg, "room": place})

    async def leave_room(self, leg: str) -> None:
        """Out of the room. In none, or no such leg, is no error."""
        wanted = self._legs.get(leg)
        if wanted is not None and wanted.room is not None:
            wanted.room = None
            await self._tell({"op": "room", "leg": leg, "room": None})

    async def tap(self, room: str, recording: str) -> None:
        """Tell the mix of a room: `sound` events with `room` and this name, until the one with `last`. An engine that
        was killed and is back goes on with it; what was said meanwhile is missing."""
        self._taps[room] = recording
        await self._tell({"op": "tap", "room": room, "record": recording})

    async def end_tap(self, room: str, recording: str) -> bool:
        """No more of this one; the last piece comes before this returns. False when the engine is away, or another one
        has begun in its place: there is no last piece."""
        if self._taps.get(room) != recording:
            return False
        del self._taps[room]
        return bool(await self._tell({"op": "tap", "room": room, "record": None}))

    async def status(self) -> dict[str, Any]:
        """The engine's own figures; empty while it is away."""
        return await self._tell({"op": "status"})

    # --- commands -----------------------------------------------------------------------------------------------------

    def _wanted(self, leg: str) -> _Leg:
        try:
            return self._legs[leg]
        except KeyError:
            raise EngineError(f"no leg {leg!r}") from None

    async def _tell(self, message: Message) -> Message:
        """Send a command and wait for its reply; `{}` when the engine is away: what is wanted is pushed again later."""
        link = self._link
        if link is None or not self.connected:
            return {}
        return await self._ask(link, message)

    async def _ask(self, link: _Link, message: Message) -> Message:
        number = next(self._ids)
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        link.replies[number] = reply
        try:
            if link.writer.is_closing():  # uvloop's transport raises RuntimeError at a write then
                raise ConnectionResetError("closed")
            link.writer.write(frame({"id": number, **message}))
            async with asyncio.timeout(REPLY_WITHIN):
                answer = await reply
        except (ConnectionError, TimeoutError):
            log.warning("media engine: no reply to %s, connecting again", message.get("op"))
            link.writer.transport.abort()
            return {}
        finally:
            link.replies.pop(number, None)
        if answer and not answer.get("ok"):
            raise EngineError(str(answer.get("error")))
        return answer

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """For ever: connect, push what is wanted, read until it breaks."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path)
            except OSError:
                self._give_up_on_overdue()
                await asyncio.sleep(RECONNECT_EVERY)
                continue
            link = _Link(reader, writer)
            self._link = link
            push = asyncio.create_task(self._push(link))
            try:
                await self._read(link)
            except (OSError, FrameError) as error:
                log.warning("media engine: %s", error)
            finally:
                push.cancel()
                self._down(link)
            await asyncio.sleep(RECONNECT_EVERY)

    async def _read(self, link: _Link) -> None:
        while data := await link.reader.read(65536):
            for message in link.frames.feed(data):
                if "event" in message:
                    self._event(message)
                    continue
                future = link.replies.get(message.get("id", 0))
                if future is not None and not future.done():
                    future.set_result(message)

    async def _push(self, link: _Link) -> None:
        """Greet, and make the engine's legs of this client the wanted ones."""
        try:
            hello = await self._ask(link, {"op": "hello", "client": self.name})
            if not hello:
                return
            self.address = (str(hello["address"]), int(hello["port"]))
            now = asyncio.get_running_loop().time()
            legs = []
            for name, leg in self._legs.items():
                play = None if leg.play is None else _play(leg.play, max(0.0, now - leg.play.started))
                kept = {"echo": leg.echo, "record": leg.record, "room": leg.room, "play": play}
                legs.append({**_add(name, leg), **kept})
            # From here on commands go straight to the engine, behind the sync on the same connection.
            self.connected = True
            await self._ask(link, {"op": "sync", "legs": legs, "taps": self._taps})
        except EngineError as error:
            log.error("media engine: refused what is wanted: %s", error)
            link.writer.transport.abort()
            return
        if self._first.is_set():
            self._emit({"event": "back"})
        self._first.set()

    def _down(self, link: _Link) -> None:
        link.writer.transport.abort()
        for future in list(link.replies.values()):
            if not future.done():
                future.set_result({})
        self._link = None
        if self.connected:
            self.connected = False
            self._emit({"event": "gone"})

    def _give_up_on_overdue(self) -> None:
        now = asyncio.get_running_loop().time()
        for leg in list(self._legs.values()):
            if leg.play is not None and not leg.play.loop and now - leg.play.started > PATIENCE:
                play, leg.play = leg.play, None
                self._over(play, "gone")

    # --- events -------------------------------------------------------------------------------------------------------

    def _event(self, event: Message) -> None:
        if event["event"] == "played":
            if self._plays.pop(str(event.get("play")), None) is None:
                return  # told already
            leg = self._legs.get(str(event.get("leg")))
            if leg is not None and leg.play is not None and leg.play.id == event.get("play"):
                leg.play = None
        self._emit(event)

    def _over(self, play: _Play | None, reason: str) -> None:
        """The engine cannot tell the end of this play: it is away."""
        if play is not None:
            leg = self._plays.get(play.id, "")
            self._event({"event": "played", "leg": leg, "play": play.id, "reason": reason})

    def _emit(self, event: Message) -> None:
        try:
            self.on_event(event)
        except Exception:
            log.exception("media engine: the listener failed on %s", event.get("event"))


def _add(name: str, leg: _Leg) -> Message:
    return {
        "op": "add",
        "leg": name,
        "remote": list(leg.remote),
        "payload": leg.payload,
        "event_payload": leg.event_payload,
    }


def _play(play: _Play, skip: float) -> Message:
    return {"play": play.id, "items": play.items, "loop": play.loop, "skip": round(skip, 3)}
