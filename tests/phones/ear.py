"""An ear at a host: it records the RTP that reaches a range of UDP ports (AF_PACKET, needs root).

Beside the phone's own recording, because baresip 1.0.0 stops writing what it decodes after a hold, and because here
each packet has its time: silence is proven against the clock.
"""

import ctypes
import socket
import struct
import threading
import time

from phones import netns
from phones.tone import Heard
from phones.track import Track, parse_rtp

ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26


class Ear:
    """Listens from construction to `close()`; `address` is the local address whose packets count."""

    def __init__(self, namespace: str | None, address: str, ports: range) -> None:
        self.track = Track()
        self._address = socket.inet_aton(address)
        self._socket = netns.open_socket(namespace, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        _only_udp_ports(self._socket, ports)
        self._open = True
        self._thread = threading.Thread(target=self._listen, name=f"ear-{address}", daemon=True)
        self._thread.start()

    def heard(self, since: float, until: float | None = None, port: int | None = None) -> Heard:
        return self.track.heard(since, time.monotonic() if until is None else until, port)

    def listen(self, seconds: float) -> Heard:
        """What is heard from now on for `seconds` of the clock."""
        since = time.monotonic()
        time.sleep(seconds)
        return self.heard(since, since + seconds)

    def wait_tone(self, hz: float, seconds: float, deadline: float, since: float | None = None) -> Heard:
        """Returns as soon as `seconds` of this tone were heard; TimeoutError with what was heard instead."""
        return self.track.wait_tone(hz, seconds, deadline, time.monotonic() if since is None else since)

    def close(self) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        self._socket.settimeout(0.2)
        while self._open:
            try:
                data, origin = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            if origin[2] == socket.PACKET_OUTGOING or data[16:20] != self._address:
                continue
            header = 4 * (data[0] & 15)
            (port,) = struct.unpack_from("!H", data, header + 2)
            packet = parse_rtp(data[header + 8 : int.from_bytes(data[2:4], "big")], time.monotonic(), port)
            if packet:
                self.track.add(packet)


def _only_udp_ports(sock: socket.socket, ports: range) -> None:
    """Classic BPF: whole UDP datagrams to `ports` only, so that other traffic of the host costs nothing."""
    program = [
        (0x30, 0, 0, 9),  # ldb [9]: the protocol
        (0x15, 0, 7, 17),  # not UDP: drop
        (0x28, 0, 0, 6),  # ldh [6]: fragment
        (0x45, 5, 0, 0x1FFF),  # a later fragment: drop
        (0xB1, 0, 0, 0),  # ldxb 4*([0]&0xf)
        (0x48, 0, 0, 2),  # ldh [x+2]: the destination port
        (0x35, 0, 2, ports.start),
        (0x25, 1, 0, ports.stop - 1),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(code)))
