"""Tell systemd how a service is (sd_notify(3)): READY=1, STOPPING=1, STATUS=…; nothing happens outside systemd."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send one state, e.g. `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(state.encode(), address)
