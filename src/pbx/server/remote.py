"""The API of a call process for pbx-web on other hosts: over TCP, to whoever has the key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from pbx.server.control import Command, ControlServer, Streamed
from pbx.web import handshake

log = logging.getLogger("pbx-calls")

LINE_LIMIT = 64 * 1024  # of what comes in


class RemoteServer:
    """The commands and streams of `pbx.server.api` at an address of the inner network."""

    def __init__(
        self,
        host: str,
        port: int,
        key: Callable[[], str | None],
        commands: Mapping[str, Command],
        streams: Mapping[str, Streamed],
    ) -> None:
        self._host, self._port, self._key = host, port, key
        self._control = ControlServer(None, commands, streams)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """An address that cannot be had is no reason not to serve calls."""
        try:
            self._server = await asyncio.start_server(self._greet, self._host, self._port, limit=LINE_LIMIT)
        except OSError as error:
            log.error("other hosts do not reach the API: %s", error)

    async def close(self) -> None:
        """Those that are connected are cut off."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await handshake.as_server(reader, writer, self._key())
            await self._control.serve(reader, writer)
        except (OSError, TimeoutError, ValueError) as error:
            log.warning("the API was not opened to %s: %s", writer.get_extra_info("peername"), error)
        finally:
            writer.close()
            self._open.discard(writer)
