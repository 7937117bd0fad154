"""The way to the keeper of this host (`pbx.server.keeper_api`): each question has a connection of its own, and what
streams ends with a word that it is whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson

from pbx.web.link import Away, Refused, Remote, connect

ANSWER_WITHIN = 40.0  # seconds: a bucket may be slow
PIECE_WITHIN = 40.0


class Broken(Exception):
    """What was streamed is not whole: the connection to whoever reads has to break as well."""


class KeeperLine:
    """`place`: a socket of this host, or an address; None where there is no keeper."""

    def __init__(self, place: str | Remote | None) -> None:
        self._place = place

    async def ask(self, command: str, **more: Any) -> dict[str, Any]:
        """One command without a stream. Raises Away, Refused."""
        answer, _, writer = await self._begin(command, more)
        writer.close()
        return answer

    async def stream(self, command: str, **more: Any) -> tuple[dict[str, Any], AsyncIterator[bytes]]:
        """The answer, and what follows. Raises Away, Refused; the stream raises Broken."""
        answer, reader, writer = await self._begin(command, more)
        return answer, _pieces(reader, writer)

    async def _begin(
        self, command: str, more: dict[str, Any]
    ) -> tuple[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter]:
        if self._place is None:
            raise Away("no recordings are kept on this host")
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                reader, writer = await connect(self._place)
                try:
                    writer.write(orjson.dumps({"cmd": command, **more}) + b"\n")
                    answer: dict[str, Any] = orjson.loads(await reader.readline())
                except BaseException:
                    writer.close()
                    raise
        except (OSError, TimeoutError, ValueError) as error:
            raise Away("the keeper of recordings does not answer") from error
        if not answer.pop("ok"):
            writer.close()
            raise Refused(answer.get("status", 400), answer["error"])
        return answer, reader, writer


async def _pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    try:
        while True:
            async with asyncio.timeout(PIECE_WITHIN):
                count = int.from_bytes(await reader.readexactly(4), "big")
                piece = await reader.readexactly(count)
            if not count:
                return
            yield piece
    except (OSError, EOFError, TimeoutError) as error:
        raise Broken("the sound breaks off") from error
    finally:
        writer.close()
