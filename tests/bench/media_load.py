"""Callers for the media benches: N RTP senders in one process and one socket, each with a loopback address of its own.

Senders are 127.1.x.y, all on one port of 0.0.0.0; the source address of each packet is set by IP_PKTINFO, so that one
sendmmsg(2) sends a frame of every caller and one recvmmsg(2) empties what they hear.

    python tests/bench/media_load.py callers HOST PORTS COUNT SECONDS [PAYLOAD [bad]]   # sends, counts what comes back
    python tests/bench/media_load.py echo PORT SECONDS               # the floor: recvmmsg and sendmmsg, nothing else

PORTS is one port for all or a file with one for each. `bad`: one frame in twenty is lost, and each leaves up
to two ticks late, so that it comes out of order.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from pbx.media import rtp
from pbx.media.socket_batch import _MESSAGE, ADDRESS, BATCH, Receiver, _libc, media_socket

CALLER_PORT = 46000
_PKTINFO = np.dtype(
    [
        ("length", "u8"), ("level", "i4"), ("type", "i4"),
        ("index", "i4"), ("source", ">u4"), ("to", ">u4"), ("pad", "u4"),
    ]
)  # fmt: skip
"""struct cmsghdr and in_pktinfo."""


def caller(number: int) -> str:
    """The address of a caller."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _headers(packets: np.ndarray, addresses: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(len(packets), dtype=np.uint64)
    iovecs = np.zeros((len(packets), 2), np.uint64)
    iovecs[:, 0] = packets.ctypes.data + rows * packets.dtype.itemsize
    iovecs[:, 1] = packets.dtype.itemsize
    messages = np.zeros(len(packets), _MESSAGE)
    messages["name"] = addresses.ctypes.data + rows * ADDRESS.itemsize
    messages["name_length"] = ADDRESS.itemsize
    messages["iov"], messages["iov_count"] = iovecs.ctypes.data + rows * 16, 1
    messages["control"] = control.ctypes.data + rows * _PKTINFO.itemsize
    messages["control_length"] = _PKTINFO.itemsize
    return messages, iovecs


BEHIND = 3
"""Ticks of which a bad network holds packets back."""
LOST = 0.05


def callers(
    host: str, ports: list[int], count: int, seconds: float, payload: int = rtp.PCMA, network: str = ""
) -> None:
    """Send a frame of each caller every 20 ms; print what came back."""
    sock = media_socket("0.0.0.0", CALLER_PORT, 32 << 20)
    receiver = Receiver(sock)
    frames = _Frames(host, ports, count, payload)
    heard, began, due = 0, time.monotonic(), time.monotonic()
    while due - began < seconds:
        due += rtp.SECONDS
        time.sleep(max(0.0, due - time.monotonic()))
        frames.next()
        _send(sock, frames.due(bad=bool(network)))
        while got := receiver.receive():
            heard += got
    print(json.dumps({"heard": heard, "sent": count * round(seconds / rtp.SECONDS), "cpu": cpu()}))


class _Frames:
    """The frames of all callers, those of some ticks before included."""

    def __init__(self, host: str, ports: list[int], count: int, payload: int) -> None:
        self._random = np.random.default_rng(1)
        self._packets = np.zeros((BEHIND, count), rtp.OUT)
        self._packets["b0"], self._packets["b1"] = 0x80, payload
        self._packets["ssrc"] = np.arange(count) + 1
        self._packets["payload"] = self._random.integers(0, 256, (count, 160))
        addresses = np.zeros((BEHIND, count), ADDRESS)
        addresses["family"], addresses["port"] = socket.AF_INET, ports
        addresses["host"] = int.from_bytes(socket.inet_aton(host))
        control = np.zeros((BEHIND, count), _PKTINFO)
        control["length"], control["level"], control["type"] = 28, socket.IPPROTO_IP, 8
        control["source"] = [int.from_bytes(socket.inet_aton(caller(number))) for number in range(count)]
        headers, iovecs = _headers(self._packets.reshape(-1), addresses.reshape(-1), control.reshape(-1))
        self._messages = headers.reshape(BEHIND, count)
        self._kept = (iovecs, addresses, control)
        self._leaves = np.zeros((BEHIND, count), np.int64)
        self._tick = 0

    def next(self) -> None:
        self._tick += 1
        packets = self._packets[self._tick % BEHIND]
        packets["sequence"], packets["timestamp"] = self._tick & 0xFFFF, self._tick * 160

    def due(self, *, bad: bool) -> np.ndarray:
        """The messages that leave now."""
        now = self._tick % BEHIND
        if not bad:
            return self._messages[now]
        count = len(self._leaves[now])
        late = self._random.integers(0, BEHIND, count)
        self._leaves[now] = np.where(self._random.random(count) < LOST, -1, self._tick + late)
        return self._messages[self._leaves == self._tick]


def _send(sock: socket.socket, messages: np.ndarray) -> None:
    for at in range(0, len(messages), BATCH):
        pointer = messages.ctypes.data + at * _MESSAGE.itemsize
        sent = _libc.sendmmsg(sock.fileno(), pointer, min(BATCH, len(messages) - at), 0)
        assert sent > 0, "sendmmsg"


def echo(port: int, seconds: float) -> None:
    """Every 20 ms send back all that came; print the CPU seconds per packet that went round."""
    sock = media_socket("127.0.0.1", port)
    receiver = Receiver(sock)
    began, due, packets, used = time.monotonic(), time.monotonic(), 0, cpu()
    receiver._iovecs["length"] = rtp.PACKET
    while due - began < seconds:
        due += rtp.SECONDS
        time.sleep(max(0.0, due - time.monotonic()))
        while got := receiver.receive():
            _libc.sendmmsg(sock.fileno(), receiver._pointer, got, 0)
            packets += got
    print(json.dumps({"packets": packets, "cpu": cpu() - used}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["callers", host, ports, count, seconds, *payload]:
            listed = [int(ports)] if ports.isdigit() else json.loads(Path(ports).read_text())
            callers(host, listed, int(count), float(seconds), *map(int, payload[:1]), *payload[1:])
        case ["echo", port, seconds]:
            echo(int(port), float(seconds))
