"""The control socket of pbx-calls: one JSON object a line, answered by one line with the same id.

`status`, `load {path}`, `calls`, `drain`, `undrain`. An unknown command or a bad document is answered
`{"ok": false, "error": …}`; nothing that a client writes ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

Command = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class CommandError(Exception):
    """A command that cannot be carried out, in words for whoever sent it."""


class ControlServer:
    """Serves `commands` on a Unix socket that its group may use (0660)."""

    def __init__(self, path: Path, commands: dict[str, Command]) -> None:
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=1024 * 1024)
        os.chmod(self._path, 0o660)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(orjson.dumps(await self._answer(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line beyond the limit
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return {"ok": False, "error": f"not JSON: {error}"}
        if not isinstance(request, dict):
            return {"ok": False, "error": "a command is an object"}
        answer: dict[str, Any] = {"id": request.get("id")}
        command = self._commands.get(str(request.get("cmd")))
        if command is None:
            known = ", ".join(sorted(self._commands))
            return {**answer, "ok": False, "error": f"no command {request.get('cmd')!r}; there are: {known}"}
        try:
            return {**answer, "ok": True, **(await command(request))}
        except CommandError as error:
            return {**answer, "ok": False, "error": str(error)}
