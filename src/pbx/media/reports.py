"""The reports of all legs: RTCP to each peer every few seconds, and what the peers report to us."""

from __future__ import annotations

import logging
import socket
import time

import numpy as np

from pbx.media import rtcp, rtp
from pbx.media.legs import Legs
from pbx.media.streams import Streams

log = logging.getLogger(__name__)

TOGETHER = 10
"""Ticks whose reports are sent at once."""
MOST_REPORTS = 256
"""RTCP packets read at once."""


class Reports:
    """Over one socket, which is to be read (`take`) when something arrives: a round trip is measured by that moment."""

    def __init__(self, legs: Legs, streams: Streams, sock: socket.socket) -> None:
        self._legs = legs
        self._streams = streams
        self.socket = sock
        self.sent = 0
        """Frames that were sent to each leg since the start."""
        self._until = 0
        """Tick up to which reports have been sent."""
        self._born = legs.column(np.int64)
        self._last = legs.column([("ssrc", "u4"), ("stamp", "u4"), ("at", "f8")])

    def begin(self, slot: int) -> None:
        """A new leg."""
        self._born[slot] = self.sent

    def send(self, tick: int) -> None:
        """The reports that are due since they were sent last: what the first brings into the cache serves all."""
        due = min(tick - self._until, rtcp.EVERY)
        if due < TOGETHER:
            return
        self._until, now = tick, rtcp.ntp()
        for since in range(due):
            for slot in range((tick - since) % rtcp.EVERY, self._legs.count, rtcp.EVERY):
                self._send(slot, rtcp.report(*self._position(slot), self._reception(slot), now))

    def goodbye(self, slot: int) -> None:
        """BYE to a leg that goes."""
        self._send(slot, rtcp.goodbye(*self._position(slot), rtcp.ntp()))

    def close(self) -> None:
        """BYE to every peer, and the socket."""
        for slot in range(self._legs.count):
            self.goodbye(slot)
        self.socket.close()

    def take(self) -> None:
        """Read the peers' RTCP."""
        for _ in range(MOST_REPORTS):
            try:
                datagram, source = self.socket.recvfrom(2048)
            except OSError:
                return
            slot = self._legs.at((source[0], source[1] - 1))
            stamp = rtcp.last_sender_report(datagram) if slot is not None else None
            if stamp is not None:
                self._last[slot] = (*stamp, time.monotonic())

    def _reception(self, slot: int) -> rtcp.Reception | None:
        heard = self._streams.report(slot)
        if heard is None:
            return None
        last = self._last[slot]
        if int(last["ssrc"]) != heard[0]:
            return rtcp.Reception(*heard)
        delay = int((time.monotonic() - float(last["at"])) * 65536)
        return rtcp.Reception(*heard, int(last["stamp"]), min(delay, 0xFFFFFFFF))

    def _position(self, slot: int) -> tuple[int, int, int, int]:
        """SSRC, RTP clock, packets and bytes sent."""
        packet = self._legs.packets[slot]
        sent = self.sent - int(self._born[slot])
        return int(packet["ssrc"]), int(packet["timestamp"]), sent, sent * rtp.SAMPLES

    def _send(self, slot: int, datagram: bytes) -> None:
        address = int(self._legs.keys[slot])
        host = socket.inet_ntoa((address >> 16).to_bytes(4, "big"))
        try:
            self.socket.sendto(datagram, (host, (address & 0xFFFF) + 1))
        except OSError as error:
            log.debug("RTCP to %s: %s", host, error)
