"""A phone of RTP alone for the media tests: sends a tone, keeps what it hears, tells its frequency."""

from __future__ import annotations

import asyncio
import random
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711

PCMU, PCMA = 0, 8
FRAME = 0.02
HEADER = struct.Struct(">BBHII")


@dataclass(frozen=True)
class Heard:
    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def loudest(payload: bytes, payload_type: int) -> float:
    """The strongest frequency of G.711 audio in Hz; 0.0 where there is no sound (below about -50 dBFS)."""
    samples = (g711.ALAW_TO_PCM if payload_type == PCMA else g711.ULAW_TO_PCM)[np.frombuffer(payload, np.uint8)]
    wave = samples.astype(np.float64)
    if len(wave) < 160 or np.sqrt(np.mean(wave**2)) < 100:
        return 0.0
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 8192))
    return float(np.argmax(spectrum)) * 8000 / 8192


class Phone(asyncio.DatagramProtocol):
    """Sends from and listens on one port, its own SSRC. `tone` in Hz may change while it sends; 0 is silence."""

    def __init__(self, tone: float = 0.0, payload_type: int = PCMA) -> None:
        self.tone = tone
        self.payload_type = payload_type
        self.event_payload = 101
        self.ssrc = random.getrandbits(32)
        self.sequence = random.getrandbits(16)
        self.timestamp = random.getrandbits(32)
        self.heard: list[Heard] = []
        self.peer = ("", 0)
        self.pause = False
        self.keys: tuple[float, ...] = ()  # tones in place of the one: of a key that is pressed
        self.ticks = 0
        self._phase = 0.0
        self._sender: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def open(self) -> Phone:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = int(self.transport.get_extra_info("sockname")[1])
        return self

    def close(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
        self.transport.close()

    # --- SDP, as little as rtpengine needs ---

    def sdp(self, codecs: str | None = None) -> bytes:
        """An SDP with our codec and telephone-event, or `codecs`: numbers of m= and rtpmap lines, split by `|`."""
        name = "PCMA" if self.payload_type == PCMA else "PCMU"
        numbers, *maps = (
            codecs or f"{self.payload_type} 101|{self.payload_type} {name}/8000|101 telephone-event/8000"
        ).split("|")
        lines = [
            "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
            f"m=audio {self.port} RTP/AVP {numbers}", *(f"a=rtpmap:{each}" for each in maps), "a=sendrecv", "",
        ]  # fmt: skip
        return "\r\n".join(lines).encode()

    def send_to(self, sdp: bytes) -> None:
        """Start sending the tone to where an SDP says, from now on."""
        self.peer = address_of(sdp)
        self.talk()

    def talk(self) -> None:
        """Start sending the tone to the peer, from now on."""
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_for_ever())

    # --- packets ---

    def datagram_received(self, data: bytes, addr: object) -> None:
        _, b1, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        at = asyncio.get_running_loop().time()
        self.heard.append(Heard(at, b1 & 127, bool(b1 & 128), sequence, timestamp, ssrc, data[12:]))
        self._news.set()

    def error_received(self, exc: Exception) -> None:
        pass

    async def hears(self, frames: int = 10, within: float = 3.0) -> list[Heard]:
        """The next `frames` audio packets from now on."""
        start = len(self.heard)
        async with asyncio.timeout(within):
            while len(audio := [each for each in self.heard[start:] if each.payload_type in (PCMU, PCMA)]) < frames:
                self._news.clear()
                await self._news.wait()
        return audio[:frames]

    async def sends(self, frames: int) -> None:
        """Let so many frames of its own time go by (20 ms each), paused or not."""
        until = self.ticks + frames
        while self.ticks < until:
            self._news.clear()
            await self._news.wait()

    async def frequency(self, frames: int = 10, within: float = 3.0) -> float:
        """What is heard from now on, in Hz."""
        heard = await self.hears(frames, within)
        return loudest(b"".join(each.payload for each in heard), heard[0].payload_type)

    async def hears_tone(self, hertz: float, within: float = 3.0) -> None:
        """Wait until that tone is what is heard."""
        got = -1.0
        async with asyncio.timeout(within):
            while abs(got - hertz) > 6:
                got = await self.frequency(6, within)

    def send(self, payload: bytes, payload_type: int, timestamp: int, *, marker: bool = False) -> bytes:
        """One packet with the next sequence number; returns it, for whoever wants to send it again."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        packet = (
            HEADER.pack(128, payload_type | marker << 7, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc) + payload
        )
        self.transport.sendto(packet, self.peer)
        return packet

    def send_frame(self) -> None:
        n = np.arange(160)
        wave = 8000 * np.sin(self._phase + 2 * np.pi * self.tone / 8000 * n) if self.tone else np.zeros(160)
        if self.keys:
            at = self.ticks * 160 + n
            wave = sum((6000 * np.sin(2 * np.pi * key / 8000 * at) for key in self.keys), np.zeros(160))
        self._phase += 2 * np.pi * self.tone / 8000 * 160
        coded = (g711.to_alaw if self.payload_type == PCMA else g711.to_ulaw)(wave.astype(np.int16))
        self.timestamp = (self.timestamp + 160) & 0xFFFFFFFF
        self.send(coded.tobytes(), self.payload_type, self.timestamp)

    async def _send_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if not self.pause:
                self.send_frame()
            self.ticks += 1
            self._news.set()
            due += FRAME
            await asyncio.sleep(max(0.0, due - loop.time()))

    # --- digits, RFC 4733 ---

    def digit_packets(self, digit: str, length: int = 100, ends: int = 3, volume: int = 10) -> list[bytes]:
        """The packets of one digit of `length` ms, one per 20 ms and the end packet `ends` times; not sent."""
        event = "0123456789*#ABCD".index(digit)
        self.timestamp = (self.timestamp + 160) & 0xFFFFFFFF
        begun, packets = self.timestamp, []
        steps = [(False, each) for each in range(160, length * 8, 160)] + [(True, length * 8)] * ends
        for number, (end, duration) in enumerate(steps):
            self.sequence = (self.sequence + 1) & 0xFFFF
            head = HEADER.pack(128, self.event_payload | (number == 0) << 7, self.sequence, begun, self.ssrc)
            packets.append(head + struct.pack(">BBH", event, end << 7 | volume, duration))
        self.timestamp = (self.timestamp + length * 8) & 0xFFFFFFFF
        return packets

    async def press(self, digit: str, length: int = 60) -> None:
        """Send one digit in real time, instead of the tone."""
        self.pause = True
        packets = self.digit_packets(digit, length)
        for number, packet in enumerate(packets):
            self.transport.sendto(packet, self.peer)
            if number < len(packets) - 3:
                await asyncio.sleep(FRAME)
        self.pause = False


def address_of(sdp: bytes) -> tuple[str, int]:
    text = sdp.decode()
    host = text.split("c=IN IP4 ")[1].split()[0]
    return host, int(text.split("m=audio ")[1].split()[0])


def silence(payload: NDArray[np.uint8], payload_type: int) -> bool:
    return loudest(payload.tobytes(), payload_type) == 0.0
