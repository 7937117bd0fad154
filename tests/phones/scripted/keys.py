"""The keys of a telephone whose legs are scripts: digits as RFC 4733 packets in a silence, sent and heard."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

from phones.track import DIGITS

EVENTS, FRAME = 101, 160  # payload type; samples of 20 ms
SILENCE = 0xD5  # of A-law
DOWN, ENDS = 3, 3  # packets of a key that is down, and of its end


class Keys:
    """An own UDP port. `heard` are the digits that came, each once, with the SSRC and timestamp they came with."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.others: list[bytes] = []  # what came and is no RTP
        self.ended: dict[tuple[int, int], str] = {}
        self.sounds = 0  # packets that came with something else than silence
        self._sequence, self._timestamp, self._ssrc = 0, 0, os.urandom(4)
        self._silence: asyncio.Task[None] | None = None
        self._presses = False
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    @property
    def heard(self) -> str:
        return "".join(self.ended.values())

    def close(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def send(self, remote: tuple[str, int], packet: bytes) -> None:
        self._socket.sendto(packet, remote)

    def hush(self) -> None:
        """Send silence no more."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def speak(self, remote: tuple[str, int]) -> None:
        """Send silence from now on: what a relay adds to a stream needs one."""
        if self._silence is None:
            self._silence = asyncio.ensure_future(self._speak(remote))

    async def _speak(self, remote: tuple[str, int]) -> None:
        while True:
            if not self._presses:
                self._timestamp += FRAME
                self._send(remote, 8, bytes([SILENCE]) * FRAME)
            await asyncio.sleep(0.02)

    async def press(self, remote: tuple[str, int], digits: str) -> None:
        for digit in digits:
            self._presses = True
            self._timestamp += FRAME
            for number in range(DOWN + ENDS):
                last = number >= DOWN
                length = FRAME * min(number + 1, DOWN)
                event = struct.pack("!BBH", DIGITS.index(digit), 0x80 * last | 10, length)
                self._send(remote, (0x80 if number == 0 else 0) | EVENTS, event)
                await asyncio.sleep(0.01)
            self._timestamp += DOWN * FRAME
            self._presses = False
            await asyncio.sleep(0.05)

    def _send(self, remote: tuple[str, int], payload_type: int, payload: bytes) -> None:
        head = struct.pack("!BBHI", 0x80, payload_type, self._sequence & 0xFFFF, self._timestamp)
        self._sequence += 1
        self._socket.sendto(head + self._ssrc + payload, remote)

    def _read(self) -> None:
        packet = self._socket.recv(2048)
        if packet[0] & 0xC0 != 0x80:
            self.others.append(packet)
            return
        if len(packet) >= 16 and packet[1] & 0x7F == EVENTS and packet[13] & 0x80:
            timestamp, ssrc = struct.unpack("!II", packet[4:12])
            self.ended.setdefault((ssrc, timestamp), DIGITS[packet[12]])
        self.sounds += packet[1] & 0x7F == 8 and set(packet[12:]) != {SILENCE}
