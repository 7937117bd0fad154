"""Many datagrams in one system call: recvmmsg(2) and sendmmsg(2), their headers built once and kept.

The way of packets through the kernel is nearly all that a leg costs; a Python call per packet would treble it.
Linux, 64 bit, IPv4.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import rtp

Rows = NDArray[Any]

BATCH = 1024
"""Messages of one system call: the kernel's limit (UIO_MAXIOV)."""

ADDRESS = np.dtype([("family", "u2"), ("port", ">u2"), ("host", ">u4"), ("zero", "u8")])
"""struct sockaddr_in."""
_IOVEC = np.dtype([("base", "u8"), ("length", "u8")])
_MESSAGE = np.dtype(
    [
        ("name", "u8"), ("name_length", "u4"), ("pad1", "u4"), ("iov", "u8"), ("iov_count", "u8"),
        ("control", "u8"), ("control_length", "u8"), ("flags", "i4"), ("pad2", "u4"),
        ("length", "u4"), ("pad3", "u4"),
    ]
)  # fmt: skip
"""struct mmsghdr."""
assert sys.maxsize > 2**32 and _MESSAGE.itemsize == 64

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]

_AGAIN = (errno.EAGAIN, errno.EINTR)


def key(host: str, port: int) -> int:
    """An IPv4 address and port as one number, as `Receiver.keys` has them."""
    return int.from_bytes(socket.inet_aton(host)) << 16 | port


def _messages(packets: Rows, addresses: Rows) -> tuple[Rows, Rows]:
    """Headers that point at each row of packets and of addresses; the iovecs must be kept alive with them."""
    count = len(packets)
    iovecs = np.zeros(count, _IOVEC)
    iovecs["base"] = packets.ctypes.data + np.arange(count, dtype=np.uint64) * packets.dtype.itemsize
    iovecs["length"] = packets.dtype.itemsize
    messages = np.zeros(count, _MESSAGE)
    messages["name"] = addresses.ctypes.data + np.arange(count, dtype=np.uint64) * ADDRESS.itemsize
    messages["name_length"] = ADDRESS.itemsize
    messages["iov"] = iovecs.ctypes.data + np.arange(count, dtype=np.uint64) * _IOVEC.itemsize
    messages["iov_count"] = 1
    return messages, iovecs


class Receiver:
    """After `receive()` returned n: the first n of `packets`, `lengths` and `keys()`."""

    def __init__(self, sock: socket.socket) -> None:
        self._fd = sock.fileno()
        self.packets = np.zeros(BATCH, rtp.IN)
        self.raw = self.packets.view(np.uint8).reshape(BATCH, rtp.ROOM)
        """The same as bytes."""
        self._from = np.zeros(BATCH, ADDRESS)
        self._messages, self._iovecs = _messages(self.packets, self._from)
        self._pointer = self._messages.ctypes.data
        self.lengths = self._messages["length"]

    def receive(self) -> int:
        """Take what has arrived, up to `BATCH`; 0 when there is nothing (or an ICMP error, nothing to us)."""
        count: int = _recvmmsg(self._fd, self._pointer, BATCH, socket.MSG_DONTWAIT, None)
        return max(count, 0)

    def keys(self, count: int) -> NDArray[np.int64]:
        """Where each came from."""
        source = self._from[:count]
        keys: NDArray[np.int64] = source["host"].astype(np.int64) << 16 | source["port"]
        return keys


class Sender:
    """Sends the first n rows of `packets` to the first n of `addresses`; both are kept and written to by the owner."""

    def __init__(self, sock: socket.socket, packets: Rows, addresses: Rows) -> None:
        self._fd = sock.fileno()
        self._messages, self._iovecs = _messages(packets, addresses)
        self._pointer = self._messages.ctypes.data
        self.dropped = 0
        """Packets that the kernel did not take: no route, a full queue, a firewall."""

    def send(self, count: int) -> None:
        """Never waits. A packet that is refused is dropped and the rest is sent."""
        done = 0
        while done < count:
            pointer = self._pointer + done * _MESSAGE.itemsize
            sent: int = _sendmmsg(self._fd, pointer, min(count - done, BATCH), socket.MSG_DONTWAIT)
            if sent > 0:
                done += sent
            elif ctypes.get_errno() in _AGAIN:
                self.dropped += count - done  # the queue is full: what is late is of no use
                return
            else:
                self.dropped += 1
                done += 1


def media_socket(address: str, port: int, buffer: int = 8 * 1024 * 1024) -> socket.socket:
    """A UDP socket with as much buffer as the kernel grants (`net.core.rmem_max` without CAP_NET_ADMIN)."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for forced, plain in ((33, socket.SO_RCVBUF), (32, socket.SO_SNDBUF)):  # SO_RCVBUFFORCE, SO_SNDBUFFORCE
        try:
            sock.setsockopt(socket.SOL_SOCKET, forced, buffer)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, plain, buffer)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)  # DSCP EF
    sock.bind((address, port))
    return sock
