"""Legs that hear the engine: their places in it, what is played to them and recorded of them (see `media`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pbx.calls.leg import Audio
from pbx.media.engine_client import EngineClient
from pbx.media.engines import Engines
from pbx.media.relay import RelaySession
from pbx.sip import sdp as sdps

LAST_WITHIN = 1.0  # seconds that the last piece of a recording may take
DECODED = frozenset(
    {"PCMA", "PCMU", "OPUS", "G722", "G723", "G729", "GSM", "SPEEX"}
)  # what rtpengine can transcode from and to


@dataclass(slots=True)
class Side:
    """One leg as the relay knows it: the SDP it sent and the last it was sent."""

    heard: bytes  # the last SDP it sent, as it came
    sent: bytes = b""
    engine: str = ""  # the tag of its place in the engine, while it hears it
    cut_to: bytes = b""  # the first answer it was sent, until somebody asks for `received`

    @property
    def received(self) -> bytes:
        """The SDP it sent, for an offer to somebody else: cut to the codec it was answered with, or two sides would
        choose differently. Cut when asked for: most calls never make a second offer."""
        if self.cut_to:
            self.heard, self.cut_to = sdps.narrow(self.heard, self.cut_to), b""
        return self.heard

    @received.setter
    def received(self, sdp: bytes) -> None:
        self.heard, self.cut_to = sdp, b""


class Turns(asyncio.Lock):
    """One command after the other; `after` each of them somebody looks at what has become of it."""

    after: Callable[[], None] = staticmethod(lambda: None)

    def release(self) -> None:
        super().release()
        self.after()


class AtTheEngine:
    """What the engine is told of a call. Order of commands: one at a time, as asked for (`_turn`)."""

    def __init__(self, relay: RelaySession, engine: Engines) -> None:
        self.relay = relay
        self.engine = engine
        self._sides: dict[str, Side] = {}
        self._turn = Turns()
        self._places = 0
        self._ports: dict[str, int] = {}  # place in the engine → the relay's port for what it plays
        self._used = False
        self._forgotten: list[tuple[str, str]] = []  # branches to delete, once another one is answered
        self._plays: dict[str, asyncio.Future[str]] = {}
        self._recordings: dict[str, tuple[Callable[[bytes], None], asyncio.Future[None]]] = {}
        self._music: set[str] = set()  # plays that nobody waits for

    def engine_leg(self, tag: str) -> str:
        """The engine's name of a leg's place."""
        return f"{self.relay.call_id}/{tag}"

    async def to_engine(self, tag: str) -> bytes:
        """Let a leg hear the engine (and the engine its digits); returns the SDP for the leg."""
        async with self._turn:
            return await self._to_engine(tag)

    async def _to_engine(self, tag: str, at: EngineClient | None = None) -> bytes:
        side = self._sides[tag]
        if not can_be_heard(side.received):
            raise sdps.SdpError("no codec that can be turned into G.711")
        if not side.engine:
            self._places += 1
            side.engine = f"E{self._places}"
        self._used = True
        offered = sdps.audio(await self.relay.offer(tag, side.engine, side.received, toward="engine"))
        codec = offered.speech
        if codec is None or codec.name not in ("PCMA", "PCMU"):
            raise sdps.SdpError(f"the relay offers the engine {codec}")
        self._ports[side.engine] = offered.port
        at = at or self.engine.place(self.engine_leg(tag))
        host, port = at.address
        await self.engine.add_leg(
            self.engine_leg(tag),
            at,
            remote=(offered.address, offered.port),
            payload=codec.payload,
            event_payload=offered.event_payload,
        )
        ours = sdps.engine_answer(host, port, codec.name, offered.event_payload)
        sent = await self.relay.answer(tag, side.engine, ours)
        return self._told(side, sent)

    async def _move(self, tag: str, at: EngineClient) -> None:
        """To another engine, with all that it does. Its telephone notices nothing: only the relay is told."""
        async with self._turn:
            side = self._sides[tag]
            if not side.engine or at is self.engine.of(self.engine_leg(tag)):
                return
            place, side.engine = side.engine, ""
            self._ports.pop(place, None)
            await self._to_engine(tag, at)
            self._forgotten.append((tag, place))
            await self._delete_forgotten()

    async def rescue(self, tag: str) -> None:
        """The engine that a leg was at stays away: another one takes it, where there is one."""
        if tag in self._sides:
            await self._move(tag, self.engine.place(self.engine_leg(tag)))

    async def leave_engine(self, tag: str) -> None:
        """The leg hears somebody else from now on: its place in the engine is given back."""
        side = self._sides.get(tag)
        if side is None or not side.engine:
            return
        place, side.engine = side.engine, ""
        self._ports.pop(place, None)
        await self.engine.remove_leg(self.engine_leg(tag))
        self._forgotten.append((tag, place))
        await self._delete_forgotten()

    async def _delete_forgotten(self) -> None:
        """Branches go when another one is answered: before, the relay would forget the whole session."""
        while self._forgotten:
            await self.relay.delete_branch(*self._forgotten.pop())

    async def play(self, tag: str, audio: list[Audio], *, loop: bool = False, skip: float = 0.0) -> None:
        """Play to a leg; returns when it ended or was stopped."""
        items = [_item(entry) for entry in audio]
        leg = self.engine_leg(tag)
        play = await self.engine.of(leg).play(leg, items, loop=loop, skip=skip)
        ended = self._plays.setdefault(play, asyncio.get_running_loop().create_future())
        try:
            await ended
        finally:
            self._plays.pop(play, None)

    async def stop(self, tag: str) -> None:
        await self.engine.stop(self.engine_leg(tag))

    async def record(self, tag: str, write: Callable[[bytes], None]) -> None:
        """Give `write` what a leg says until this is cancelled. An engine that is killed goes on when it is back."""
        leg = self.engine_leg(tag)
        last: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        name = await self.engine.of(leg).record(leg)
        self._recordings[name] = (write, last)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if await self.engine.stop_recording(leg):
                await asyncio.wait({last}, timeout=LAST_WITHIN)
            del self._recordings[name]

    def heard(self, recording: str, sound: bytes, last: bool) -> None:
        """The engine tells more of what a leg says."""
        write, ended = self._recordings.get(recording, (None, None))
        if write is not None:
            write(sound)
        if ended is not None and last and not ended.done():
            ended.set_result(None)

    async def echo(self, tag: str) -> None:
        leg = self.engine_leg(tag)
        await self.engine.of(leg).echo(leg)

    async def enter_room(self, tag: str, room: str, *, muted: bool = False, deaf: bool = False) -> None:
        """A leg that hears the engine hears a room of it."""
        at, leg = self.engine.meeting(room), self.engine_leg(tag)
        if at is not self.engine.of(leg):
            await self._move(tag, at)
        await self.engine.of(leg).enter_room(leg, room, muted=muted, deaf=deaf)

    async def leave_room(self, tag: str) -> None:
        await self.engine.leave_room(self.engine_leg(tag))

    def played(self, play: str, reason: str) -> None:
        """The engine tells that a play is over; it may say so before `play` of the engine has returned."""
        if play in self._music:
            self._music.discard(play)
            return
        future = self._plays.setdefault(play, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(reason)

    def _told(self, side: Side, sent: bytes) -> bytes:
        """Once A knows a codec, later offers derive from that codec alone."""
        if not side.sent:
            side.cut_to = sent
        side.sent = sent
        return sent


def can_be_heard(sdp: bytes) -> bool:
    """The relay can make G.711 of it, for the engine."""
    if b"PCMA/8000" in sdp or b"PCMU/8000" in sdp:
        return True
    return not DECODED.isdisjoint(codec.name for codec in sdps.audio(sdp).codecs)


def _item(audio: Audio) -> dict[str, object]:
    if audio.file is not None:
        return {"file": audio.file}
    if audio.tone is not None:
        return {"tone": audio.tone}
    if audio.recording is not None:
        return {"recording": audio.recording}
    return {"silence": audio.silence}
