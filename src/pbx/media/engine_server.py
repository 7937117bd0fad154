"""The engine's loop: a tick each 20 ms by the monotonic clock, commands from a Unix socket in between. No threads."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx.media import rtp
from pbx.media.control import FrameError, FrameReader, Message, frame
from pbx.media.engine import Engine
from pbx.media.legs import NoRoom
from pbx.media.library import UnknownSound

log = logging.getLogger(__name__)

STALL = 0.06
"""Seconds behind from which ticks are left out; sending them in a burst would leave every leg late for good."""
GRACE = 30.0
"""Seconds that the legs of a client without a connection are kept."""
MOST_UNSENT = 32 * 1024 * 1024
"""Bytes waiting for a client that does not read, after which its connection is closed."""


@dataclass(eq=False)
class Client:
    """A control connection; it has a name after `hello`."""

    sock: socket.socket
    name: str = ""
    frames: FrameReader = field(default_factory=FrameReader)
    unsent: bytearray = field(default_factory=bytearray)


class EngineServer:
    """`config` is /etc/pbx/media.json: name, instance, address, port, socket, prompts, tones."""

    def __init__(self, config: dict[str, Any]) -> None:
        # The port first: a second engine of the same configuration must fail here and leave the socket file alone.
        self.engine = Engine(
            config["address"],
            config["port"],
            Path(config["prompts"]),
            self._emit,
            tones=config.get("tones", "RU"),
            recordings=Path(config["recordings"]) if "recordings" in config else None,
            capacity=config.get("legs", 4096),
        )
        self._path = Path(config["socket"])
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(self._path))
        os.chmod(self._path, 0o660)  # the group of the services may connect
        self._listener.listen(16)
        self._clients: list[Client] = []
        self._by_name: dict[str, Client] = {}
        self._lost: dict[str, float] = {}
        """Clients without a connection, and when their legs are removed."""
        self.stopping = False

    def stop(self, *_signal: object) -> None:
        self.stopping = True

    def run(self, each_second: Callable[[], None] = lambda: None) -> None:
        """Until `stop`; `each_second` is called between ticks (the watchdog)."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        due = time.monotonic() + rtp.SECONDS
        beat = 0.0
        while not self.stopping:
            self._wait_until(due)
            now = time.monotonic()
            if now < due:
                continue
            if now - due >= STALL:
                missed = int((now - due) / rtp.SECONDS)
                self.engine.skip(missed)
                due += missed * rtp.SECONDS
            self.engine.tick()
            due += rtp.SECONDS
            if now >= beat:
                beat = now + 1.0
                self._forget(now)
                each_second()
        self.close()

    def close(self) -> None:
        self.engine.close()
        self._path.unlink(missing_ok=True)
        self._listener.close()
        for client in self._clients:
            client.sock.close()

    # --- the control socket -------------------------------------------------------------------------------------------

    def _wait_until(self, due: float) -> None:
        """Serve clients until then; with a small socket buffer come back earlier, to empty it."""
        part = rtp.SECONDS / self.engine.drains()
        while not self.stopping and (left := due - time.monotonic()) > 0:
            readers: list[Any] = [self._listener, self.engine.reports.socket, *(each.sock for each in self._clients)]
            writers = [each.sock for each in self._clients if each.unsent]
            readable, _, _ = select.select(readers, writers, [], min(left, part))
            for client in [each for each in self._clients if each.unsent]:
                self._flush(client)
            for sock in readable:
                self._serve(sock)
            if part < rtp.SECONDS:
                self.engine.drain()

    def _serve(self, sock: socket.socket) -> None:
        if sock is self.engine.reports.socket:
            self.engine.reports.take()
            return
        if sock is self._listener:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            self._clients.append(Client(connection))
            return
        client = next((each for each in self._clients if each.sock is sock), None)
        if client is None:
            return  # closed while another was being served
        try:
            data = sock.recv(1 << 18)
            messages = client.frames.feed(data) if data else []
        except BlockingIOError:
            return
        except (OSError, FrameError) as error:
            log.warning("client %s: %s", client.name or "?", error)
            data, messages = b"", []
        if not data:
            self._close(client)
            return
        for message in messages:
            self._send(client, {"id": message.get("id"), **self._answer(client, message)})

    def _answer(self, client: Client, message: Message) -> Message:
        try:
            return {"ok": True, **self._command(client, message)}
        except KeyError as error:
            return {"ok": False, "error": f"unknown or missing: {error}"}
        except (UnknownSound, NoRoom, TypeError, ValueError, OSError) as error:
            return {"ok": False, "error": str(error)}

    def _command(self, client: Client, message: Message) -> Message:
        engine, leg = self.engine, str(message.get("leg", ""))
        match message.get("op"):
            case "add":
                host, port = message["remote"]
                engine.add(client.name, leg, (str(host), int(port)), int(message["payload"]), message["event_payload"])
            case "remove":
                engine.remove(leg)
            case "play":
                skip = float(message.get("skip", 0.0))
                engine.play(leg, str(message["play"]), message["items"], bool(message.get("loop")), skip)
            case "stop":
                engine.stop(leg)
            case "echo":
                engine.echo(leg, bool(message["on"]))
            case "record":
                engine.record(leg, message["record"])
            case "room":
                engine.room(leg, message["room"])
            case "tap":
                record = message["record"]
                engine.tap(client.name, str(message["room"]), None if record is None else str(record))
            case "hello":
                return self._hello(client, str(message["client"]))
            case "sync":
                engine.sync(client.name, message["legs"], message.get("taps"))
            case "status":
                return engine.status()
            case other:
                raise ValueError(f"no such op: {other}")
        return {}

    def _hello(self, client: Client, name: str) -> Message:
        client.name = name
        self._by_name[name] = client
        self._lost.pop(name, None)
        return {"address": self.engine.address, "port": self.engine.port, "boot": self.engine.boot}

    def _emit(self, owner: str, event: Message) -> None:
        client = self._by_name.get(owner)
        if client is not None:
            self._send(client, event)

    def _send(self, client: Client, message: Message) -> None:
        client.unsent += frame(message)
        self._flush(client)

    def _flush(self, client: Client) -> None:
        try:
            sent = client.sock.send(client.unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(client)
            return
        del client.unsent[:sent]
        if len(client.unsent) > MOST_UNSENT:
            log.warning("client %s does not read", client.name)
            self._close(client)

    def _close(self, client: Client) -> None:
        if client not in self._clients:
            return
        self._clients.remove(client)
        client.sock.close()
        if self._by_name.get(client.name) is client:
            del self._by_name[client.name]
            self._lost[client.name] = time.monotonic() + GRACE

    def _forget(self, now: float) -> None:
        for name in [name for name, until in self._lost.items() if until <= now]:
            log.warning("client %s did not come back: its legs are removed", name)
            del self._lost[name]
            self.engine.remove_all(name)


def read_config(path: str, instance: int = 1) -> dict[str, Any]:
    """The configuration of the engine of this number on its host: the file is the first one's, two ports (RTP, RTCP)
    and a socket for each further one come after its own. Raises OSError or ValueError with a text for the log."""
    config = json.loads(Path(path).read_text())
    if not isinstance(config, dict):
        raise ValueError(f"{path}: not an object")
    missing = [key for key in ("address", "port", "socket", "prompts") if key not in config]
    if missing:
        raise ValueError(f"{path}: missing {', '.join(missing)}")
    if instance > 1:
        first = Path(config["socket"])
        config["socket"] = str(first.with_name(f"{first.stem}-{instance}{first.suffix}"))
        config["port"] += 2 * (instance - 1)
    return config
