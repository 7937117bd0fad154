"""A real rtpengine and a real media engine for the media tests, on loopback, each a process with ports of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from pbx.media import g711


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


def wait_until(done: Callable[[], bool], log: Callable[[], str], seconds: float = 10.0) -> None:
    """Until a process that is starting is up; its log when it is not in time."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, log()[-2000:]
        time.sleep(0.02)


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


@dataclass
class MediaEngine:
    """One `pbx-media` process; `start` after a `kill` uses the same port, socket and prompts."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def socket(self) -> str:
        return str(self.folder / "control.sock")

    @property
    def log(self) -> str:
        return (self.folder / "engine.log").read_text()

    def prompt(self, hertz: float, seconds: float) -> str:
        """Put a tone into the prompts' folder; returns the file's name."""
        n = np.arange(round(seconds * 8000))
        wave = (8000 * np.sin(2 * np.pi * hertz / 8000 * n)).astype(np.int16)
        name = f"{hertz:g}-{seconds:g}.alaw"
        (self.folder / name).write_bytes(g711.to_alaw(wave).tobytes())
        return name

    def start(self) -> None:
        config = self.folder / "media.json"
        config.write_text(
            json.dumps(
                {
                    "name": "test",
                    "instance": 1,
                    "address": "127.0.0.1",
                    "port": self.port,
                    "socket": self.socket,
                    "prompts": str(self.folder),
                    "tones": "RU",
                }
            )
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, (self.folder / "engine.log").open("ab") as log:
            address = self.folder / "notify.sock"
            address.unlink(missing_ok=True)
            ready.bind(str(address))
            ready.settimeout(10)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pbx.server.media", "--config", str(config)],
                env={**os.environ, "PYTHONPATH": "src", "NOTIFY_SOCKET": str(address)},
                stdout=log,
                stderr=log,
            )
            assert ready.recv(100) == b"READY=1", self.log

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        if self.process is None:
            return 0
        self.process.terminate()
        status = self.process.wait(10)
        self.process = None
        return status


@pytest.fixture(scope="session")
def media_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaEngine]:
    """One engine for all tests of the session that only need legs on it."""
    engine = MediaEngine(tmp_path_factory.mktemp("engine"), free_port_pair())
    engine.start()
    yield engine
    assert engine.stop() == 0


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[MediaEngine]:
    """One that the test kills and starts itself."""
    engine = MediaEngine(tmp_path, free_port_pair())
    engine.start()
    yield engine
    assert engine.stop() == 0


def free_port_pair() -> int:
    """A port for RTP whose next one is free too."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
