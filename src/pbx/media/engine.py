"""The media engine: all legs of one process behind one RTP socket, one tick each 20 ms, numpy over all legs at once.

It plays and listens; it knows no call. `tick` receives, then sends one frame per leg, for ever: silence when nothing
plays, so that NATs and latching stay. Commands change state between ticks. Packets count only from a leg's own peer.
"""

from __future__ import annotations

import base64
import logging
import resource
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711, rtp
from pbx.media.control import Message
from pbx.media.digits import Digits
from pbx.media.legs import Legs
from pbx.media.library import Library, UnknownSound
from pbx.media.player import Player
from pbx.media.recorder import Recorder
from pbx.media.reports import Reports
from pbx.media.ring import Ring
from pbx.media.rooms import Rooms, place_of
from pbx.media.socket_batch import BATCH, Receiver, Sender, media_socket
from pbx.media.streams import Streams

log = logging.getLogger(__name__)

Emit = Callable[[str, Message], None]
"""(owner, event)"""

Put = Callable[[NDArray[np.intp], NDArray[np.uint32], NDArray[np.uint8]], None]

MOST_BATCHES = 16
"""Batches received in a tick: a flood does not stop the playing."""
_PACKET_IN_KERNEL = 1280
"""Bytes of socket buffer that the kernel counts for one packet of ours."""


class Engine:
    """Legs, their sound and their digits. `emit` is called with events during `tick` and commands."""

    def __init__(
        self,
        address: str,
        port: int,
        prompts: Path,
        emit: Emit,
        *,
        tones: str = "RU",
        capacity: int = 4096,
        recordings: Path | None = None,
    ) -> None:
        self.address, self.port = address, port
        self.boot = secrets.token_hex(6)
        self._emit = emit
        self._rtp = media_socket(address, port)
        self._buffer = self._rtp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.legs = Legs(capacity)
        self.library = Library(prompts, tones, recordings=recordings)
        self.player = Player(self.legs, self.library, self._played)
        self.streams = Streams(self.legs)
        self.digits = Digits(self.legs, self._digit)
        self.ring = Ring(self.legs)
        self.recorder = Recorder(self.legs, self._sound)
        self.echoing = self.legs.column(np.bool_)
        self.rooms = Rooms(self.legs, self.ring, self.player, self.library, self._speaks, self._piece)
        self.reports = Reports(self.legs, self.streams, media_socket(address, port + 1, 1 << 20))
        self._receiver = Receiver(self._rtp)
        self._sender = Sender(self._rtp, self.legs.packets, self.legs.addresses)
        self._now = 0
        """Ticks since the start, left-out ones included: the clock of what is received."""
        self.received = self.foreign = self.told = self.skipped = 0

    def close(self) -> None:
        """BYE to every peer, and the sockets."""
        self.reports.close()
        self._rtp.close()

    # --- commands -----------------------------------------------------------------------------------------------------

    def add(self, owner: str, name: str, remote: tuple[str, int], payload: int, event_payload: int | None) -> None:
        """Add a leg or change it; another leg at the same address is removed: its port was given to this one."""
        if payload not in (rtp.PCMU, rtp.PCMA):
            raise ValueError(f"payload {payload}: only PCMU (0) and PCMA (8)")
        if event_payload is not None and not 0 < event_payload <= 127:
            raise ValueError(f"event payload {event_payload}: 1 to 127")
        socket.inet_aton(remote[0])
        rival = self.legs.at(remote)
        if rival is not None and self.legs.names[rival] != name:
            log.warning("leg %s takes the address of %s", name, self.legs.names[rival])
            self.remove(self.legs.names[rival])
        slot = self.legs.slots.get(name)
        if slot is None:
            slot = self.legs.add(name, owner)
            self.player.add(slot)
            self.reports.begin(slot)
        self.legs.owners[slot] = owner
        self.legs.aim(slot, remote, payload, event_payload)

    def remove(self, name: str) -> None:
        """Silence to it from now on. An unknown leg is no error."""
        slot = self.legs.slots.get(name)
        if slot is None:
            return
        self.player.remove(slot)
        self.recorder.end(slot)
        self.rooms.remove(name)
        self.reports.goodbye(slot)
        self.streams.fold()
        self.legs.remove(name)

    def play(self, name: str, play: str, items: list[dict[str, Any]], loop: bool, skip: float) -> None:
        self.player.play(self.legs.slots[name], play, items, loop=loop, skip=skip)

    def stop(self, name: str) -> None:
        self.player.stop(self.legs.slots[name])

    def echo(self, name: str, on: bool) -> None:
        slot = self.legs.slots[name]
        if bool(self.echoing[slot]) != on:
            self.echoing[slot] = on
            self.ring.listen(slot, on)

    def record(self, name: str, recording: str | None) -> None:
        """Tell what the leg says as `sound` events, under this name; None ends it."""
        slot = self.legs.slots[name]
        if recording is None:
            self.recorder.end(slot)
        else:
            self.recorder.begin(slot, recording)

    def room(self, name: str, place: Message | None) -> None:
        """Let a leg into a room (`room`, `muted`, `deaf`, `to`; see `pbx.media.rooms`), or out of it: None."""
        self.rooms.place(name, None if place is None else place_of(place))

    def tap(self, owner: str, room: str, recording: str | None) -> None:
        """Tell the mix of a room as `sound` events with this name, whoever is in it; None ends it."""
        self.rooms.taps.set(room, owner, recording)

    def sync(self, owner: str, wanted: list[Message], taps: Mapping[str, str] | None = None) -> None:
        """Make the legs of `owner` these (`add`, with `echo`, `record`, `room`, `play`), and `taps` (room → recording)
        its taps, whatever was there before."""
        for room in self.rooms.taps.of(owner):
            if room not in (taps or {}):
                self.tap(owner, room, None)
        for room, recording in (taps or {}).items():
            self.tap(owner, room, recording)
        names = {str(each["leg"]) for each in wanted}
        for name in [name for name, of in zip(self.legs.names, self.legs.owners, strict=True) if of == owner]:
            if name not in names:
                self.remove(name)
        for each in wanted:
            name, (host, port) = str(each["leg"]), each["remote"]
            self.add(owner, name, (str(host), int(port)), int(each["payload"]), each["event_payload"])
            self.echo(name, bool(each.get("echo")))
            self.record(name, each.get("record"))
            self.room(name, each.get("room"))
            if each.get("play") is None:
                self.stop(name)
            else:
                self._play_again(owner, name, each["play"])

    def remove_all(self, owner: str) -> None:
        """The legs of a client that did not come back."""
        self.sync(owner, [])

    def status(self) -> Message:
        """Figures since the start; `foreign` are packets from addresses that are nobody's, `cpu` is in seconds."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "boot": self.boot,
            "legs": self.legs.count,
            "ticks": self._now,
            "skipped": self.skipped,
            "received": self.received,
            "foreign": self.foreign,
            "sent": self.reports.sent,
            "dropped": self._sender.dropped,
            "digits": self.told,
            "in_rooms": self.rooms.members,
            "concealed": self.ring.concealed,
            "cpu": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss * 1024,
            "receive_buffer": self._buffer,
        }

    # --- the tick -----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """20 ms of everything."""
        self._now += 1
        self.drain()
        self.digits.tick(self._now)
        self._send()
        self.recorder.tick(self._now)
        self.ring.tick()
        self.reports.send(self._now)

    def skip(self, ticks: int) -> None:
        """The process stood still: leave so many ticks out, moving sound and RTP clock together."""
        self._now += ticks
        self.skipped += ticks
        self.legs.packets["timestamp"][: self.legs.count] += np.uint32(ticks * rtp.SAMPLES)
        self.player.advance(ticks)
        self.ring.skip(ticks)

    def drains(self) -> int:
        """How often in a tick the socket must be emptied: 1 with a proper buffer, more when the kernel gave little."""
        needed = self.legs.count * _PACKET_IN_KERNEL * 3 // 2
        return 1 if needed <= self._buffer else 2 if needed <= 2 * self._buffer else 4

    def drain(self) -> None:
        """Take in what has arrived."""
        for _ in range(MOST_BATCHES):
            count = self._receiver.receive()
            if count:
                self._take_in(count)
            if count < BATCH:
                return

    def _send(self) -> None:
        legs, count = self.legs, self.legs.count
        if not count:
            return
        legs.settle()
        packets = legs.packets[:count]
        packets["sequence"] += np.uint16(1)
        packets["timestamp"] += np.uint32(rtp.SAMPLES)
        payload = packets["payload"]
        if self.player.is_busy or not self.rooms.fill_all(count):
            payload[...] = self.library.frames.take(self.player.row[:count], axis=0, mode="clip")
            if len(legs.ulaw):
                payload[legs.ulaw] = g711.ALAW_TO_ULAW[payload[legs.ulaw]]
        echoing = self.echoing[:count].nonzero()[0]
        if len(echoing):
            payload[echoing] = self.ring.take(echoing)
        self.rooms.mix(payload)
        self._sender.send(count)
        self.reports.sent += 1
        if legs.marked:
            packets["b1"] &= np.uint8(0x7F)  # the marker was for the first packet
            legs.marked = False
        if self.player.is_busy:
            self.player.advance()

    def _take_in(self, count: int) -> None:
        receiver = self._receiver
        packets, lengths = receiver.packets[:count], receiver.lengths[:count]
        slots, known = self.legs.find(receiver.keys(count))
        b0, b1 = packets["b0"], packets["b1"]
        self.received += count
        kind = b1 & 0x7F
        audio = kind == self.legs.payload[slots]
        # Nearly always: known legs, one frame each behind a header without extras.
        if (known & audio & (b0 == 0x80) & (lengths == rtp.PACKET)).all():
            timestamps = packets["timestamp"].astype(np.uint32)
            self._count(slots, packets["sequence"], timestamps, packets["ssrc"])
            payload = receiver.raw[:count, rtp.HEADER : rtp.PACKET]
            for wanted, put in self._ears(slots):
                if wanted.all():
                    put(slots, timestamps, payload)
                elif wanted.any():
                    put(slots[wanted], timestamps[wanted], payload[wanted])
            return
        # RFC 5761 §4: 192 to 223 in the second byte is RTCP, here on the wrong port.
        good = known & (lengths >= rtp.HEADER) & (b0 >> 6 == 2) & ((b1 < 192) | (b1 > 223))
        self.foreign += count - int(np.count_nonzero(known))
        rows = np.flatnonzero(good)
        if len(rows):
            self._take_any(rows, slots[rows], kind[rows], audio[rows])

    def _take_any(
        self, rows: NDArray[np.intp], slots: NDArray[np.intp], kind: NDArray[Any], audio: NDArray[np.bool_]
    ) -> None:
        """Packets of which some are no sound, or not of the usual shape."""
        packets = self._receiver.packets
        sequences, timestamps = packets["sequence"][rows], packets["timestamp"][rows].astype(np.uint32)
        self._count(slots, sequences, timestamps, packets["ssrc"][rows])
        if not audio.all():
            events = np.flatnonzero(kind == self.legs.event_payload[slots])
            if len(events):
                self._take_events(rows[events], slots[events], sequences[events], timestamps[events])
            noise = np.flatnonzero(self.ring.listened[slots] & (kind == rtp.NOISE))
            if len(noise):
                self._take_noise(rows[noise], slots[noise], timestamps[noise])
        for wanted, put in self._ears(slots):
            heard = np.flatnonzero(wanted & audio)
            if len(heard):
                self._take_audio(rows[heard], slots[heard], timestamps[heard], put)

    def _count(
        self,
        slots: NDArray[np.intp],
        sequences: NDArray[Any],
        timestamps: NDArray[np.uint32],
        ssrcs: NDArray[Any],
    ) -> None:
        new = self.streams.update(slots, sequences, timestamps, ssrcs, self._now)
        if len(new):
            self.digits.restart(new)
            self.ring.restart(new)
            self.recorder.restart(new)

    def _ears(self, slots: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.bool_], Put]]:
        """Who wants which sound."""
        yield self.ring.listened[slots], self.ring.put
        if self.recorder.is_recording:
            yield self.recorder.on[slots], self.recorder.put

    def _take_events(
        self,
        rows: NDArray[np.intp],
        slots: NDArray[np.intp],
        sequences: NDArray[Any],
        timestamps: NDArray[np.uint32],
    ) -> None:
        begin, end = self._payload(rows)
        whole = end - begin >= 4
        raw = self._receiver.raw
        events = raw[rows[whole][:, None], begin[whole][:, None] + np.arange(4)]
        self.digits.receive(slots[whole], sequences[whole], timestamps[whole], events, self._now)

    def _take_audio(
        self, rows: NDArray[np.intp], slots: NDArray[np.intp], timestamps: NDArray[np.uint32], put: Put
    ) -> None:
        raw = self._receiver.raw
        # Nearly always: one frame behind a header without extras.
        if (self._receiver.lengths[rows] == rtp.PACKET).all() and (raw[rows, 0] == 0x80).all():
            put(slots, timestamps, raw[rows, rtp.HEADER : rtp.PACKET])
            return
        begin, end = self._payload(rows)
        size = end - begin
        for length in np.unique(size).tolist():
            if length > 0:
                same = np.flatnonzero(size == length)
                payload = raw[rows[same][:, None], begin[same][:, None] + np.arange(length)]
                put(slots[same], timestamps[same], payload)

    def _take_noise(self, rows: NDArray[np.intp], slots: NDArray[np.intp], timestamps: NDArray[np.uint32]) -> None:
        begin, end = self._payload(rows)
        whole = end > begin
        self.ring.noise(slots[whole], timestamps[whole], self._receiver.raw[rows[whole], begin[whole]])

    def _payload(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Begin and end of the payloads: behind CSRCs and header extension, before padding (RFC 3550 §5.1, §5.3.1)."""
        raw, b0 = self._receiver.raw, self._receiver.packets["b0"][rows]
        end = np.minimum(self._receiver.lengths[rows], rtp.ROOM).astype(np.intp)
        begin = rtp.HEADER + 4 * (b0 & 15).astype(np.intp)
        extended = np.flatnonzero(b0 & 0x10)
        if len(extended):
            at = np.minimum(begin[extended], rtp.ROOM - 4)
            words = raw[rows[extended], at + 2].astype(np.intp) << 8 | raw[rows[extended], at + 3]
            begin[extended] += 4 + 4 * words
        padded = np.flatnonzero(b0 & 0x20)
        end[padded] -= raw[rows[padded], end[padded] - 1]
        return begin, end

    # --- events -------------------------------------------------------------------------------------------------------

    def _digit(self, slot: int, digit: str, duration: int, volume: int) -> None:
        self.told += 1
        event = {"event": "digit", "leg": self.legs.names[slot], "digit": digit, "duration": duration, "volume": volume}
        self._emit(self.legs.owners[slot], event)

    def _sound(self, slot: int, recording: str, sound: bytes, last: bool) -> None:
        data = base64.b64encode(sound).decode()
        event = {"event": "sound", "leg": self.legs.names[slot], "record": recording, "data": data, "last": last}
        self._emit(self.legs.owners[slot], event)

    def _piece(self, owner: str, room: str, recording: str, sound: bytes, last: bool) -> None:
        data = base64.b64encode(sound).decode()
        self._emit(owner, {"event": "sound", "room": room, "record": recording, "data": data, "last": last})

    def _played(self, slot: int, play: str, reason: str) -> None:
        event = {"event": "played", "leg": self.legs.names[slot], "play": play, "reason": reason}
        self._emit(self.legs.owners[slot], event)

    def _speaks(self, slot: int, on: bool) -> None:
        self._emit(self.legs.owners[slot], {"event": "speaks", "leg": self.legs.names[slot], "on": on})

    def _play_again(self, owner: str, name: str, play: Message) -> None:
        """A play that a client pushes after a reconnect: goes on, or begins where it would be now, or has ended."""
        known, reason = self.player.last.get(name, ("", ""))
        if known != play["play"]:
            try:
                self.play(name, str(play["play"]), play["items"], bool(play["loop"]), float(play["skip"]))
                return
            except UnknownSound as error:
                log.warning("leg %s: %s", name, error)
                reason = "gone"
        self._emit(owner, {"event": "played", "leg": name, "play": play["play"], "reason": reason})
