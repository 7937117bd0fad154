"""Letters from the host where a call was recorded to a host that has the store, over the inner network.

Who connects and who listens know one key (`pbx.web.handshake`), another one than that of the API of call processes.
Then: a letter as a line; the answer `{"wants": true}`, or false when it is here already or gone for good; the sealed
file; the answer `{"taken": SHA-256}`, from when on it is on the listener's disk. Doing it twice is doing it once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pbx.server.sealed_letters import Letter, Tray
from pbx.store.places import sync
from pbx.web import handshake

log = logging.getLogger("pbx-keeper")

KEY = "keeper_key"
CONNECT_WITHIN, STALLED = 3.0, 30.0  # seconds; the second for each piece
PIECE = 256 * 1024
LINE = 256 * 1024


class NotTaken(Exception):
    """The other host did not take the letter, now."""


async def hand_over(tray: Tray, recording: str, place: tuple[str, int], key: str | None) -> None:
    """One letter; it is gone here when it is there. Raises NotTaken, ValueError for one that is none."""
    letter = tray.read(recording)
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            reader, writer = await asyncio.open_connection(*place, limit=LINE)
        try:
            await handshake.as_client(reader, writer, key)
            writer.write(letter.to_json() + b"\n")
            if (await _answer(reader))["wants"]:
                await _send(tray.sealed(recording), writer)
                if (await _answer(reader)).get("taken") != letter.sums.sha256:
                    raise NotTaken("another sum came back")
        finally:
            writer.close()
    except (OSError, TimeoutError, KeyError, ValueError) as error:
        raise NotTaken(f"{place[0]}:{place[1]}: {error or type(error).__name__}") from error
    tray.remove(recording)


async def _send(file: Path, writer: asyncio.StreamWriter) -> None:
    with file.open("rb") as sealed:
        while piece := sealed.read(PIECE):
            writer.write(piece)
            async with asyncio.timeout(STALLED):
                await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(STALLED):
        line = await reader.readline()
    if not line:
        raise ConnectionError("it broke off")
    found: dict[str, Any] = orjson.loads(line)
    if "error" in found:
        raise NotTaken(found["error"])
    return found


@dataclass
class Receiver:
    """The listener. `is_known` asks the store whether nothing of a recording is to be kept any more; `came` is told of
    each new letter."""

    tray: Tray
    key: Callable[[], str | None]
    is_known: Callable[[str], Awaitable[bool]]
    came: Callable[[], None]

    async def start(self, address: tuple[str, int]) -> None:
        """Raises OSError."""
        self._coming: set[str] = set()
        self._server = await asyncio.start_server(self._serve, *address, limit=LINE)

    async def close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handshake.as_server(reader, writer, self.key())
            async with asyncio.timeout(STALLED):
                letter = Letter.from_json(await reader.readline())
            answer = await self._take(letter, reader, writer)
            writer.write(orjson.dumps(answer) + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError, EOFError) as error:
            log.warning("no letter came from %s: %s", writer.get_extra_info("peername"), error or type(error).__name__)
        finally:
            writer.close()

    async def _take(
        self, letter: Letter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> dict[str, object]:
        recording = letter.about.id
        if recording in self._coming:
            return {"error": "it is coming already"}
        self._coming.add(recording)
        try:
            if self.tray.holds(recording) or await self.is_known(recording):
                return {"wants": False}
            writer.write(orjson.dumps({"wants": True}) + b"\n")
            await writer.drain()
            digest = await self._receive(letter, reader)
            if digest != letter.sums.sha256:
                return {"error": "what came has another sum"}
            await asyncio.to_thread(self._post, letter)
            self.came()
            return {"taken": digest}
        except Exception as error:  # the store, the disk: whoever sends keeps it
            log.error("recording %s is not taken now: %s", recording, error or type(error).__name__)
            return {"error": f"not now: {error}"}
        finally:
            self._coming.discard(recording)
            with contextlib.suppress(OSError):
                self.tray.partial(recording).unlink(missing_ok=True)

    async def _receive(self, letter: Letter, reader: asyncio.StreamReader) -> str:
        digest, left = hashlib.sha256(), letter.sums.size
        with self.tray.partial(letter.about.id).open("wb") as target:
            while left:
                async with asyncio.timeout(STALLED):
                    piece = await reader.read(min(PIECE, left))
                if not piece:
                    raise EOFError("it broke off")
                target.write(piece)
                digest.update(piece)
                left -= len(piece)
        return digest.hexdigest()

    def _post(self, letter: Letter) -> None:
        sync(self.tray.partial(letter.about.id))
        self.tray.post(letter)
