"""Sockets and processes in a named network namespace (`ip netns`), from a process that stays in its own.

`setns(2)` moves only the calling thread, so a short-lived thread joins the namespace, opens the socket there and ends;
a socket belongs to the namespace it was opened in, whoever uses it afterwards. Python 3.11 has no `os.setns`.
"""

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

CLONE_NEWNET = 0x40000000
Made = TypeVar("Made")


def run_inside(namespace: str | None, make: Callable[[], Made]) -> Made:
    """Result of `make()` called with the network of `namespace` (None: our own). Errors of `make` are raised here."""
    if namespace is None:
        return make()
    made: list[Made] = []
    failed: list[BaseException] = []

    def inside() -> None:
        try:
            _join(namespace)
            made.append(make())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=inside, name=f"netns-{namespace}")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def open_socket(namespace: str | None, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket that lives in `namespace`."""
    return run_inside(namespace, lambda: socket.socket(family, kind, protocol))


def command(namespace: str | None, argv: Sequence[str]) -> list[str]:
    """`argv` to be run in `namespace`; `ip netns exec` replaces itself, so the process id is the command's own."""
    return list(argv) if namespace is None else ["ip", "netns", "exec", namespace, *argv]


def _join(namespace: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), namespace)
    finally:
        os.close(descriptor)
