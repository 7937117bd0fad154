"""The control socket of pbx-calls: one JSON object a line, answered by one line with the same id.

`status`, `load {path}`, `calls`, `drain`, `undrain`, `cut`; those of the API are in `pbx.server.api`. An unknown
command or a bad document is answered `{"ok": false, "error": …}`; nothing that a client writes ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

Command = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Streamed = Callable[[dict[str, Any], asyncio.StreamWriter], Awaitable[None]]
NONE: Mapping[str, Streamed] = {}


class CommandError(Exception):
    """A command that cannot be carried out, in words for whoever sent it; `status` as HTTP would say it."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class ControlServer:
    """Serves `commands` on a Unix socket of this `mode` (no path: only connections that are given to `serve`). One that
    asks for one of `streams` gets its answer, and then whatever the stream writes."""

    def __init__(
        self,
        path: Path | None,
        commands: Mapping[str, Command],
        streams: Mapping[str, Streamed] = NONE,
        mode: int = 0o600,
    ) -> None:
        self._path = path
        self._commands = commands
        self._streams = streams
        self._mode = mode
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        assert self._path is not None
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self.serve, str(self._path), limit=1024 * 1024)
        os.chmod(self._path, self._mode)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                request, answer = await self._answer(line)
                writer.write(orjson.dumps(answer) + b"\n")
                await writer.drain()
                if answer["ok"] and (stream := self._streams.get(request["cmd"])) is not None:
                    await stream(request, writer)
                    return
        except (ConnectionError, ValueError):  # gone, or a line beyond the limit
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was asked, and the answer."""
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return {}, {"ok": False, "error": f"not JSON: {error}"}
        if not isinstance(request, dict):
            return {}, {"ok": False, "error": "a command is an object"}
        answer: dict[str, Any] = {"id": request.get("id")}
        command = self._commands.get(str(request.get("cmd")))
        if command is None:
            known = ", ".join(sorted(self._commands))
            return request, {**answer, "ok": False, "error": f"no command {request.get('cmd')!r}; there are: {known}"}
        try:
            return request, {**answer, "ok": True, **(await command(request))}
        except CommandError as error:
            return request, {**answer, "ok": False, "error": str(error), "status": error.status}
