"""`pbx-relay --config /etc/pbx/relay.json`: the agent beside an rtpengine. It passes on the digits of relayed calls and
makes recordings of what rtpengine writes of those that are recorded.

Its sockets are systemd's (`pbx-relay.socket`): what comes while it is restarted waits there, and rtpengine, which would
drop the digit after an unreachable port as well, never meets one.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pbx.media.ng import NgClient
from pbx.media.relayed import Outbox, Peer
from pbx.server.config_file import ConfigError, told
from pbx.server.control import ControlServer
from pbx.server.notify import notify
from pbx.server.tapes import Tapes

log = logging.getLogger("pbx-relay")

FIRST_PASSED = 3  # of the file descriptors that systemd hands over (sd_listen_fds(3))
WATCHDOG = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """`digits`: where rtpengine tells of digits; `calls`: where call processes ask for them; `spool`: where rtpengine
    writes what it records, None on a host that records nothing; `ng` and `cli`: where rtpengine listens."""

    digits: tuple[str, int]
    calls: tuple[str, int]
    control: Path
    spool: Path | None = None
    ng: tuple[str, int] = ("127.0.0.1", 2223)
    cli: tuple[str, int] = ("127.0.0.1", 2224)


def read(path: Path) -> RelayConfig:
    """Read the file. Raises ConfigError."""
    with told(path):
        data: dict[str, Any] = orjson.loads(path.read_bytes())
        return RelayConfig(
            digits=(data["digits"]["address"], int(data["digits"]["port"])),
            calls=(data["calls"]["address"], int(data["calls"]["port"])),
            control=Path(data["control"]),
            **_of_recording(data.get("recording")),
        )


def _of_recording(data: dict[str, Any] | None) -> dict[str, Any]:
    if data is None:
        return {}
    ng, cli = ((data[name]["address"], int(data[name]["port"])) for name in ("ng", "cli"))
    return {"spool": Path(data["spool"]), "ng": ng, "cli": cli}


def bound(address: tuple[str, int]) -> socket.socket:
    """The socket of this address that systemd has bound, or, started by hand, one that is bound now."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        for number in range(int(os.environ.get("LISTEN_FDS", "0"))):
            passed = socket.socket(fileno=os.dup(FIRST_PASSED + number))
            if passed.getsockname()[:2] == address:
                return passed
            passed.close()
        raise OSError(f"pbx-relay.socket does not listen at {address[0]}:{address[1]}")
    made = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(address)
    return made


class Agent:
    """The process: sockets and a clock around `Outbox`."""

    def __init__(self, config: RelayConfig) -> None:
        self._config = config
        self._outbox = Outbox(secrets.token_hex(4))
        self._changed = asyncio.Event()
        self._tapes: Tapes | None = None

    async def run(self) -> None:
        """Pass digits on, and make recordings, until SIGTERM."""
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        self._calls, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._of_a_process), sock=bound(self._config.calls)
        )
        digits, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._of_rtpengine), sock=bound(self._config.digits)
        )
        if self._config.spool is not None:
            ng = NgClient()
            await ng.connect(*self._config.ng)
            tapes = Tapes(self._config.spool, ng, self._config.cli)
            try:
                tapes.start()
                self._tapes = tapes
            except OSError as error:  # digits come first
                log.error("no recordings are made: %s", error)
        control = ControlServer(self._config.control, {"status": self._status})
        await control.start()
        sending = asyncio.ensure_future(self._send())
        notify("READY=1")
        log.info("passing digits on, boot %s", self._outbox.boot)
        await stopping.wait()
        notify("STOPPING=1")
        sending.cancel()
        if self._tapes is not None:
            await self._tapes.close()
        await control.close()
        digits.close()
        self._calls.close()

    def _of_rtpengine(self, datagram: bytes, sender: Peer) -> None:
        self._outbox.pressed(datagram, asyncio.get_running_loop().time())
        self._changed.set()

    def _of_a_process(self, datagram: bytes, sender: Peer) -> None:
        if datagram.startswith(b'{"tape":'):
            self._tell_of_a_tape(datagram, sender)
            return
        answer = self._outbox.received(datagram, sender, asyncio.get_running_loop().time())
        if answer is not None:
            self._calls.sendto(answer, sender)
        self._changed.set()

    def _tell_of_a_tape(self, datagram: bytes, sender: Peer) -> None:
        """A line of a recorded call: it is taken when it is kept."""
        try:
            told = orjson.loads(datagram)
            session, number, line = str(told["tape"]), int(told["number"]), dict(told["line"])
            if self._tapes is None or not self._tapes.told(session, number, line):
                return
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            log.warning("what %s tells of a tape makes no sense: %r", sender, error)
            return
        self._calls.sendto(orjson.dumps({"taped": session, "number": number}), sender)

    async def _send(self) -> None:
        """Send what is due, when it is due."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            for datagram, peer in self._outbox.due(loop.time()):
                self._calls.sendto(datagram, peer)
            at = self._outbox.next()
            wait = WATCHDOG if at is None else max(0.01, min(WATCHDOG, at - loop.time()))
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                pass
            notify("WATCHDOG=1")

    async def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        tapes = self._tapes.status() if self._tapes is not None else None
        return {"pid": os.getpid(), **self._outbox.status(), "recordings": tapes}


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, received: Any) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        self._received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A call process that is not there at this moment."""


def main(argv: list[str] | None = None) -> int:
    """Entry point of `pbx-relay`; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="pbx-relay", description="Passes on the digits of relayed calls, and makes recordings."
    )
    parser.add_argument("--config", type=Path, default=Path("/etc/pbx/relay.json"))
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(Agent(read(arguments.config)).run())
    except (ConfigError, OSError) as error:
        log.error("pbx-relay does not start: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
