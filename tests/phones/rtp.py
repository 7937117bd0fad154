"""The voice of a scripted party: a UDP port that sends a tone or silence every 20 ms, digits on demand, and listens.

Standard library threads; one party is one call, so this stays small. Audio is G.711, digits RFC 4733 (payload type as
negotiated).
"""

import contextlib
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator

from phones import g711, netns, tone
from phones.track import DIGITS, Track, parse_rtp

FRAME = 160  # samples: 20 ms
DIGIT_FRAMES = 5  # 100 ms a digit, then as long a pause
Frame = tuple[int, int, bool, bytes]  # payload type, timestamp, marker, payload


class Voice:
    """Bound at construction; sends from `start()` to `close()`. `hz` may be changed at any time, 0 is silence."""

    def __init__(self, namespace: str | None, address: str, hz: float) -> None:
        self.hz = hz
        self.track = Track()
        self._socket = netns.open_socket(namespace, socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.port: int = self._socket.getsockname()[1]
        self._remote: tuple[str, int] | None = None
        self._payload_type = g711.PCMA
        self._event_type = 101
        self._keys: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._open = True
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def start(self, remote: tuple[str, int], payload_type: int, event_type: int) -> None:
        """Sends to `remote` from now on; called again after a new answer it only changes where to and how."""
        self._remote, self._payload_type, self._event_type = remote, payload_type, event_type
        if len(self._threads) == 1:
            self._threads.append(threading.Thread(target=self._send, daemon=True))
            self._threads[1].start()

    def pause(self) -> None:
        """Sends nothing until `start()` names a remote again."""
        self._remote = None

    def digits(self, keys: str) -> None:
        for key in keys:
            self._keys.put(key)

    def close(self) -> None:
        self._open = False
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _listen(self) -> None:
        self._socket.settimeout(0.2)
        while self._open:
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            except OSError:  # an ICMP error of the far end's closed port
                continue
            packet = parse_rtp(data, time.monotonic(), self.port)
            if packet:
                self.track.add(packet)

    def _send(self) -> None:
        """One packet every 20 ms of the clock; after a stall the missed ones follow at once."""
        ssrc, sequence = int.from_bytes(os.urandom(4), "big"), 1
        due = time.monotonic()
        for frame in self._frames():
            remote = self._remote
            if frame and remote:
                kind, timestamp, marker, payload = frame
                head = struct.pack("!BBHII", 0x80, kind | (0x80 if marker else 0), sequence, timestamp, ssrc)
                sequence = (sequence + 1) & 0xFFFF
                with contextlib.suppress(OSError):
                    self._socket.sendto(head + payload, remote)
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))

    def _frames(self) -> Iterator[Frame | None]:
        """What each tick sends, until the voice is closed; None is a tick without a packet."""
        timestamp = 160
        for sound in self._sound():
            if self._keys.empty():
                yield self._payload_type, timestamp, False, sound
                timestamp += FRAME
                continue
            event = DIGITS.index(self._keys.get())
            for tick in range(1, DIGIT_FRAMES + 1):
                payload = struct.pack("!BBH", event, 10, tick * FRAME)
                yield self._event_type, timestamp, tick == 1, payload
            for _ in range(3):  # the end is said three times (RFC 4733 §2.5.1.4)
                yield self._event_type, timestamp, False, struct.pack("!BBH", event, 0x8A, DIGIT_FRAMES * FRAME)
            for _ in range(DIGIT_FRAMES):
                yield None
            timestamp += FRAME * (2 * DIGIT_FRAMES + 3)

    def _sound(self) -> Iterator[bytes]:
        """Frames of the tone as it is now; a second of it is a loop, which holds whole periods of a whole `hz`."""
        while self._open:
            hz, kind = self.hz, self._payload_type
            loop = g711.encode(tone.sine(hz, 1.0), kind)
            for at in range(0, len(loop), FRAME):
                if not self._open or (hz, kind) != (self.hz, self._payload_type):
                    break
                yield loop[at : at + FRAME]
