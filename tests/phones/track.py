"""RTP packets as they came, with the time of each: from them the sound over the clock, the codecs and the digits.

Times are `time.monotonic()` seconds. Where no packet came there is silence: a proof of silence covers lost media too.
"""

import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from phones import g711
from phones.tone import RATE, Heard, likeness, measure

CODECS = {g711.PCMU: "PCMU", g711.PCMA: "PCMA", 9: "G722"}
DIGITS = "0123456789*#ABCD"


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet (RFC 3550 §5.1); `at` is when it came, `port` where it went."""

    at: float
    port: int
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes


def parse_rtp(data: bytes, at: float, port: int) -> Packet | None:
    """None for what is not RTP version 2, and for RTCP (RFC 5761 §4: payload types 64 to 95)."""
    if len(data) < 12 or data[0] >> 6 != 2 or 64 <= data[1] & 0x7F <= 95:
        return None
    sequence, timestamp, ssrc = struct.unpack_from("!HII", data, 2)
    start = 12 + 4 * (data[0] & 15)
    if data[0] & 0x10:
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - data[-1] if data[0] & 0x20 else len(data)
    return Packet(at, port, data[1] & 0x7F, sequence, timestamp, ssrc, bool(data[1] & 0x80), data[start:end])


class Track:
    """Grows while a call goes on; may be read at any time from any thread. `arrived` tells of each new packet."""

    def __init__(self) -> None:
        self.arrived = threading.Condition(threading.RLock())
        self._packets: list[Packet] = []

    def add(self, packet: Packet) -> None:
        with self.arrived:
            self._packets.append(packet)
            self.arrived.notify_all()

    def packets(self, since: float = 0.0, until: float = float("inf"), port: int | None = None) -> list[Packet]:
        with self.arrived:
            return [p for p in self._packets if since <= p.at < until and port in (None, p.port)]

    def sound(self, since: float, until: float, port: int | None = None) -> g711.Samples:
        """The samples from `since` to `until`, zero where nothing came."""
        return self._render(self._audio(since, until, port), since, until)

    def heard(self, since: float, until: float, port: int | None = None) -> Heard:
        """The sound from `since` to `until` by its tones, silence where nothing came."""
        packets = self._audio(since, until, port)
        names = sorted({CODECS.get(p.payload_type, str(p.payload_type)) for p in packets})
        return measure(self._render(packets, since, until), packets=len(packets), codecs=tuple(names))

    def wait_said(self, said: g711.Samples, deadline: float, since: float) -> float:
        """Returns when this recording was heard whole after `since`, with the time of that; TimeoutError."""
        end = time.monotonic() + deadline
        looked = 0.0
        while True:
            now = time.monotonic()
            if now - looked >= 0.1:  # a correlation costs some ms: not at each packet
                looked = now
                if likeness(self.sound(since, now), said) > 0.9:
                    return now
            if now > end:
                raise TimeoutError(f"the recording was not heard within {deadline} s: heard {self.heard(since, now)}")
            with self.arrived:
                self.arrived.wait(min(0.1, end - now))

    def _audio(self, since: float, until: float, port: int | None) -> list[Packet]:
        return [p for p in self.packets(since, until, port) if p.payload_type in (g711.PCMU, g711.PCMA)]

    @staticmethod
    def _render(packets: list[Packet], since: float, until: float) -> g711.Samples:
        sound = np.zeros(max(0, round((until - since) * RATE)), np.int16)
        for at, packet in _placed(packets):
            start = round((at - since) * RATE)
            samples = g711.decode(packet.payload, packet.payload_type)[: max(0, len(sound) - start)]
            if start >= 0 and len(samples):
                sound[start : start + len(samples)] = samples
        return sound

    def wait_tone(self, hz: float, seconds: float, deadline: float, since: float) -> Heard:
        """Returns as soon as `seconds` of this tone came after `since`; TimeoutError says what was heard instead."""
        end = time.monotonic() + deadline
        while True:
            heard = self.heard(since, time.monotonic())
            if heard.tone(hz) >= seconds:
                return heard
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {hz:.0f} Hz for {seconds} s within {deadline} s: heard {heard}")
            with self.arrived:
                self.arrived.wait(left)

    def wait_digits(self, keys: str, deadline: float, since: float = 0.0) -> None:
        """Returns when just these digits came after `since`; TimeoutError says which came instead."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: self.digits(since) == keys, deadline):
                raise TimeoutError(f"digits {self.digits(since)!r} instead of {keys!r} within {deadline} s")

    def digits(self, since: float = 0.0, port: int | None = None) -> str:
        """RFC 4733 digits, each counted once by its timestamp: packets of 4 octets with a dynamic payload type."""
        seen: dict[tuple[int, int], str] = {}
        for packet in self.packets(since, port=port):
            if packet.payload_type >= 96 and len(packet.payload) == 4 and packet.payload[0] < len(DIGITS):
                seen.setdefault((packet.ssrc, packet.timestamp), DIGITS[packet.payload[0]])
        return "".join(seen.values())


def _placed(packets: list[Packet]) -> Iterator[tuple[float, Packet]]:
    """Each packet with the clock time of its first sample.

    Within a stream the RTP timestamp places it, so that jitter of our own scheduling makes no gaps; a jump of more than
    100 ms against the clock (a pause, a new source) anchors the stream again.
    """
    anchors: dict[tuple[int, int], tuple[float, int]] = {}
    for packet in packets:
        key = (packet.port, packet.ssrc)
        at, timestamp = anchors.get(key, (packet.at, packet.timestamp))
        distance = (packet.timestamp - timestamp + 0x80000000) % 0x100000000 - 0x80000000
        placed = at + distance / RATE
        if key not in anchors or abs(placed - packet.at) > 0.1:
            anchors[key] = (packet.at, packet.timestamp)
            placed = packet.at
        yield placed, packet
