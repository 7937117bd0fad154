"""An engine without its loop and peers around it: a test calls `tick` itself, and measures what each peer hears."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from unit.media.conftest import free_port_pair

from pbx.media import g711
from pbx.media.engine import Engine

PCMU, PCMA, NOISE = 0, 8, 13
Wave = NDArray[np.float64]
Source = Callable[[NDArray[np.int64]], Wave]
"""Samples at these moments (in samples since the start)."""


def tone(hertz: float, peak: float = 8000.0) -> Source:
    return lambda n: peak * np.sin(2 * np.pi * hertz / 8000 * n)


def silent(n: NDArray[np.int64]) -> Wave:
    return np.zeros(len(n))


class Peer:
    """One RTP socket: sends a source as packets of `length` samples, keeps all samples that it hears."""

    def __init__(self, table: Table, name: str, source: Source, law: int, length: int) -> None:
        self._table = table
        self.name = name
        self.source = source
        self.law = law
        self.length = length
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.ssrc = secrets.randbits(32)
        self.sequence = 65_500
        self.begin = secrets.randbits(32)
        self.position = 0
        self.frames: list[bytes] = []

    def packet(self) -> bytes:
        """The next one; it may be sent now, later or never."""
        at = self.position + np.arange(self.length)
        wave = np.clip(self.source(at), -32768, 32767).astype(np.int16)
        coded = (g711.to_alaw if self.law == PCMA else g711.to_ulaw)(wave).tobytes()
        packet = self._head(self.law) + coded
        self.position += self.length
        return packet

    def noise(self, level: int) -> bytes:
        """A packet of comfort noise where the next packet of sound would be."""
        return self._head(NOISE) + bytes([level])

    def _head(self, kind: int) -> bytes:
        self.sequence += 1
        timestamp = (self.begin + self.position) & 0xFFFFFFFF
        return struct.pack(">BBHII", 0x80, kind, self.sequence & 0xFFFF, timestamp, self.ssrc)

    def send(self, packet: bytes | None = None) -> None:
        self.sock.sendto(self.packet() if packet is None else packet, ("127.0.0.1", self._table.engine.port))

    def listen(self) -> None:
        while True:
            try:
                self.frames.append(self.sock.recv(2048)[12:])
            except BlockingIOError:
                return

    def heard(self, last: int = 0) -> Wave:
        """What was heard, the last so many frames of it; samples."""
        frames = self.frames[-last:]
        coded = np.frombuffer(b"".join(frames), np.uint8)
        return (g711.ALAW_TO_PCM if self.law == PCMA else g711.ULAW_TO_PCM)[coded].astype(np.float64)

    def level(self, hertz: float, last: int = 20) -> float:
        """Peak amplitude of one frequency in what was heard last."""
        wave = self.heard(last)
        n = np.arange(len(wave))
        return float(2 * np.abs(np.mean(wave * np.exp(-2j * np.pi * hertz / 8000 * n))))


class Table:
    """An engine on virtual time."""

    def __init__(self, folder: Path, capacity: int = 32) -> None:
        self.events: list[dict[str, Any]] = []
        self.engine = Engine(
            "127.0.0.1", free_port_pair(), folder, lambda owner, event: self.events.append(event), capacity=capacity
        )
        self.peers: dict[str, Peer] = {}

    def peer(self, name: str, source: Source = silent, law: int = PCMA, length: int = 160) -> Peer:
        peer = self.peers[name] = Peer(self, name, source, law, length)
        self.engine.add("test", name, peer.sock.getsockname(), law, 101)
        return peer

    def leave(self, name: str) -> None:
        self.engine.remove(name)
        self.peers.pop(name).sock.close()

    def run(self, ticks: int) -> None:
        """Everybody sends in time, for so many ticks."""
        for _ in range(ticks):
            for peer in self.peers.values():
                peer.send()
            self.tick()

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.engine.tick()
            for peer in self.peers.values():
                peer.listen()

    def close(self) -> None:
        self.engine.close()
        for peer in self.peers.values():
            peer.sock.close()
