"""Callers for the media benches: N RTP senders in one process and one socket, each with a loopback address of its own.

Senders are 127.1.x.y, all on one port of 0.0.0.0; the source address of each packet is set by IP_PKTINFO, so that one
sendmmsg(2) sends a frame of every caller and one recvmmsg(2) empties what they hear.

    python tests/bench/media_load.py callers HOST PORTS COUNT SECONDS [PAYLOAD]   # sends, counts what comes back
    python tests/bench/media_load.py echo PORT SECONDS               # the floor: recvmmsg and sendmmsg, nothing else

PORTS is one port for all or a file with one for each.
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


def callers(host: str, ports: list[int], count: int, seconds: float, payload: int = rtp.PCMA) -> None:
    """Send a frame of each caller every 20 ms; print what came back."""
    sock = media_socket("0.0.0.0", CALLER_PORT, 32 << 20)
    receiver = Receiver(sock)
    packets = np.zeros(count, rtp.OUT)
    packets["b0"], packets["b1"], packets["ssrc"] = 0x80, payload, np.arange(count) + 1
    packets["payload"] = np.random.default_rng(1).integers(0, 256, (count, 160))
    addresses = np.zeros(count, ADDRESS)
    addresses["family"], addresses["port"] = socket.AF_INET, ports
    addresses["host"] = int.from_bytes(socket.inet_aton(host))
    control = np.zeros(count, _PKTINFO)
    control["length"], control["level"], control["type"] = 28, socket.IPPROTO_IP, 8
    control["source"] = [int.from_bytes(socket.inet_aton(caller(number))) for number in range(count)]
    messages, _kept = _headers(packets, addresses, control)
    heard, began, due = 0, time.monotonic(), time.monotonic()
    while due - began < seconds:
        due += rtp.SECONDS
        time.sleep(max(0.0, due - time.monotonic()))
        packets["sequence"] += np.uint16(1)
        packets["timestamp"] += np.uint32(160)
        for at in range(0, count, BATCH):
            pointer = messages.ctypes.data + at * _MESSAGE.itemsize
            sent = _libc.sendmmsg(sock.fileno(), pointer, min(BATCH, count - at), 0)
            assert sent > 0, "sendmmsg"
        while got := receiver.receive():
            heard += got
    print(json.dumps({"heard": heard, "sent": count * round(seconds / rtp.SECONDS), "cpu": cpu()}))


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
            callers(host, listed, int(count), float(seconds), *map(int, payload))
        case ["echo", port, seconds]:
            echo(int(port), float(seconds))
