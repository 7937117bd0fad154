"""A real rtpengine on loopback for the media tests: userspace, ports, folder and process of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class RtpEngine:
    """One rtpengine process; `start` and `stop` may alternate, the NG port stays."""

    folder: Path
    ng_port: int
    rtp_ports: tuple[int, int]
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        config = self.folder / "rtpengine.conf"
        config.write_text(
            "[rtpengine]\n"
            "table = -1\ninterface = 127.0.0.1\n"
            f"listen-ng = 127.0.0.1:{self.ng_port}\n"
            f"port-min = {self.rtp_ports[0]}\nport-max = {self.rtp_ports[1]}\n"
            "num-threads = 2\ndelete-delay = 0\nlog-level = 5\n"
        )
        with (self.folder / "rtpengine.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["rtpengine", "--foreground", "--log-stderr", f"--config-file={config}"],
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 10
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.ng_port))
            sock.settimeout(0.05)
            while time.monotonic() < deadline:
                try:
                    sock.send(b'1 {"command":"ping"}')
                    if b"pong" in sock.recv(1000):
                        return
                except OSError:
                    if self.process is not None and self.process.poll() is not None:
                        break
                    time.sleep(0.02)  # refused at once while it starts
        raise AssertionError((self.folder / "rtpengine.log").read_text()[-2000:])


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="session")
def media_rtpengine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtpEngine]:
    """One rtpengine for all tests of the session that only need calls on it."""
    engine = RtpEngine(tmp_path_factory.mktemp("rtpengine"), free_port(), (25000, 26999))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def own_rtpengine(tmp_path: Path) -> Iterator[RtpEngine]:
    """One that the test starts and stops itself."""
    engine = RtpEngine(tmp_path, free_port(), (27000, 27199))
    yield engine
    engine.stop()
