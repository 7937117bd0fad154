"""JSON-RPC to a Kamailio on this host: a datagram socket for small calls, a FIFO for dumps of any size.

Times are seconds. Standard library only (runs on targets). `KamailioDown`: nobody listens there, which is the state
of a bare host and not a fault; `RpcError`: Kamailio answered with an error; `RpcTimeout`: it did not answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["KamailioDown", "KamailioRpc", "RpcError", "RpcTimeout"]

# Kamailio's queue of unread datagrams is 10 long; at a window of 32 it drops replies.
WINDOW = 8
# A request through the FIFO is read into a buffer of 8 KB.
FIFO_REQUEST_BYTES = 8000
# Commands whose answers grow with the number of rows.
LONG_ANSWERS = (".dump", "Dump", ".list", "_dump")


class KamailioDown(Exception):
    """No Kamailio listens on the socket: not installed, not started, or just stopped."""


class RpcTimeout(Exception):
    """Kamailio took the request and did not answer in time."""


class RpcError(Exception):
    """Kamailio refused a command: `code` and `message` are its own."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.method, self.code, self.message = method, code, message


class KamailioRpc:
    """The control channel of one Kamailio, by its run directory (`rpc.sock`, `rpc.fifo`)."""

    def __init__(self, run_dir: str | Path = "/run/kamailio", timeout: float = 10.0) -> None:
        self.run_dir = Path(run_dir)
        self.timeout = timeout
        self._names = 0

    def call(self, method: str, *params: Any) -> Any:
        """One command, one small answer (< 100 KB: a larger one is lost by Kamailio without a word)."""
        if method.endswith(LONG_ANSWERS):
            raise ValueError(f"{method}: its answer may be lost on the way; use dump()")
        return next(iter(self.calls([(method, params)])))

    def calls(self, commands: Iterable[tuple[str, Iterable[Any]]]) -> list[Any]:
        """Many commands over one socket, a window at a time; answers in order; the first error is raised."""
        results: list[Any] = []
        batch: list[tuple[str, Iterable[Any]]] = []
        with self._client() as client:
            for command in commands:
                batch.append(command)
                if len(batch) == WINDOW:
                    results += self._window(client, batch)
                    batch = []
            results += self._window(client, batch)
        return results

    def dump(self, method: str, *params: Any) -> Any:
        """One command with an answer of any size, through the FIFO (0.5 s for 10,000 htable rows)."""
        reply = self.run_dir / self._unique("reply")
        request = self._request(1, method, params, reply_name=reply.name)
        if len(request) > FIFO_REQUEST_BYTES:
            raise ValueError(f"{method}: a request of {len(request)} bytes does not fit the FIFO; use call()")
        out = self._open_fifo()
        try:
            os.mkfifo(reply, 0o600)
            self._give_to_server(reply)
            answer = os.open(reply, os.O_RDONLY | os.O_NONBLOCK)
            try:
                os.write(out, request + b"\n")
                text = self._read_fifo(answer, method)
            finally:
                os.close(answer)
        finally:
            os.close(out)
            reply.unlink(missing_ok=True)
        return self._result(method, json.loads(text))

    def version(self) -> str:
        """The running version; raises KamailioDown on a bare host."""
        return str(self.call("core.version"))

    def up(self) -> bool:
        """Whether a Kamailio answers here now."""
        try:
            self.version()
        except (KamailioDown, RpcTimeout):
            return False
        return True

    # ---- datagrams

    @contextlib.contextmanager
    def _client(self) -> Iterator[socket.socket]:
        path = self.run_dir / self._unique("client")
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            try:
                client.bind(str(path))
                self._give_to_server(path)
                client.connect(str(self.run_dir / "rpc.sock"))
            except (FileNotFoundError, ConnectionRefusedError) as error:
                raise self._down() from error
            client.settimeout(self.timeout)
            yield client
        finally:
            client.close()
            path.unlink(missing_ok=True)

    def _window(self, client: socket.socket, batch: list[tuple[str, Iterable[Any]]]) -> list[Any]:
        waiting = dict(enumerate(batch, start=1))
        answers: dict[int, Any] = {}
        try:
            for number, (method, params) in waiting.items():
                client.send(self._request(number, method, params))
            while len(answers) < len(waiting):
                answer = json.loads(client.recv(262144))
                answers[int(answer["id"])] = answer
        except TimeoutError as error:
            missing = ", ".join(sorted({m for n, (m, _) in waiting.items() if n not in answers}))
            raise RpcTimeout(
                f"no answer to {missing} within {self.timeout:g} s from {self.run_dir}/rpc.sock"
            ) from error
        except ConnectionError as error:
            raise self._down() from error
        return [self._result(method, answers[number]) for number, (method, _) in waiting.items()]

    # ---- FIFO

    def _open_fifo(self) -> int:
        try:
            return os.open(self.run_dir / "rpc.fifo", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:  # ENOENT: never started; ENXIO: nobody reads
            raise self._down() from error

    def _read_fifo(self, descriptor: int, method: str) -> bytes:
        """Until Kamailio closes its end; it opens it only when the answer is ready."""
        deadline = time.monotonic() + max(self.timeout, 20.0)
        chunks: list[bytes] = []
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while True:
            events = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not events:
                raise RpcTimeout(f"no answer to {method} through {self.run_dir}/rpc.fifo")
            chunk = os.read(descriptor, 1 << 20)
            if chunk:
                chunks.append(chunk)
            elif chunks:
                return b"".join(chunks)

    # ---- common

    def _unique(self, kind: str) -> str:
        self._names += 1
        return f"pbx-{kind}-{os.getpid()}-{id(self):x}-{self._names}"

    def _give_to_server(self, path: Path) -> None:
        """Kamailio, not root, must be able to write to what we made."""
        server = (self.run_dir / "rpc.sock").stat()
        if os.geteuid() == 0:
            os.chown(path, server.st_uid, server.st_gid)

    def _down(self) -> KamailioDown:
        return KamailioDown(f"no Kamailio answers in {self.run_dir}; start it with: systemctl start kamailio")

    @staticmethod
    def _request(number: int, method: str, params: Iterable[Any], **more: Any) -> bytes:
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params), **more}
        return json.dumps(body, ensure_ascii=False).encode()

    @staticmethod
    def _result(method: str, answer: dict[str, Any]) -> Any:
        if "error" in answer:
            raise RpcError(method, int(answer["error"].get("code", 0)), str(answer["error"].get("message", "")))
        return answer.get("result")
