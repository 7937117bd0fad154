"""What pbx-web asks of the keeper of its host: sound, an export, a hold, an erasure.

The keeper alone has the key that opens recordings; and what it gives out it has written down first, in the store. A
stream is pieces, each with its length before it (4 bytes, big-endian); one of length 0 says that it is whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

import orjson

from pbx.server.archive import now
from pbx.server.control import Command, CommandError, Streamed
from pbx.server.store_line import StoreLine
from pbx.store import age, recordings
from pbx.store.database import FAILURES, Database
from pbx.store.places import Place, PlaceUnavailable
from pbx.store.recordings import By

T = TypeVar("T")

MOST_EXPORTED = 1_000
WITHIN = 60.0  # seconds in which a listener takes a piece
MANIFEST = "manifest.json"


class KeeperApi:
    """The commands. `poke` is called when something is to go; `identities` are keys that open recordings."""

    def __init__(
        self,
        store: StoreLine,
        place: Callable[[str], Place],
        identities: Callable[[], dict[str, age.Identity]],
        poke: Callable[[], None],
    ) -> None:
        self._store, self._place, self._identities, self._poke = store, place, identities, poke
        self.commands: dict[str, Command] = {
            "sound": self._sound,
            "export": self._export,
            "hold": self._hold,
            "release": self._release,
            "erase": self._erase,
        }
        self.streams: dict[str, Streamed] = {"sound": self._play, "export": self._pack}

    async def _sound(self, request: dict[str, Any]) -> dict[str, Any]:
        """`recording`, of it `first` to before `end`: noted before the answer, and so before the first byte."""
        row = await self._row(request["tenant"], request["recording"])
        opened = await asyncio.to_thread(self._open, row)
        size = row["sound_size"]
        first, end = min(request.get("first") or 0, size), min(request.get("end") or size, size)
        await self._note([row], "listened", request, {"first": first, "end": end})
        request["opened"] = opened.parts(first, end)
        return {"size": size, "first": first, "end": end}

    async def _play(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        parts: Iterator[bytes] = request["opened"]
        while (piece := await asyncio.to_thread(next, parts, None)) is not None:
            await _say(writer, piece)
        await _end(writer)

    async def _export(self, request: dict[str, Any]) -> dict[str, Any]:
        """`recordings`, in one archive: noted before the answer."""
        names = request["recordings"]
        if len(names) > MOST_EXPORTED:
            raise CommandError(f"more than {MOST_EXPORTED} recordings at once", 422)
        rows = [await self._row(request["tenant"], name) for name in names]
        for row in rows:
            await asyncio.to_thread(self._open, row)
        request["rows"], request["at"] = rows, now()
        await self._note(rows, "exported", request, {"with": len(rows)})
        return {"count": len(rows)}

    async def _pack(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        out = _Pipe(writer, asyncio.get_running_loop())
        await asyncio.to_thread(self._write_archive, request, out)
        await _end(writer)

    def _write_archive(self, request: dict[str, Any], out: _Pipe) -> None:
        rows = request["rows"]
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # it can only write
            archive.writestr(MANIFEST, orjson.dumps(manifest_of(request), option=orjson.OPT_INDENT_2))
            for row in rows:
                with archive.open(f"{row['id']}.wav", "w", force_zip64=True) as entry:
                    digest = hashlib.sha256()
                    for piece in self._open(row).parts():
                        digest.update(piece)
                        entry.write(piece)
                if digest.hexdigest() != row["sound_sha256"]:
                    raise age.Unreadable(f"{row['id']} has another sum")

    async def _hold(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self._changed(
            lambda db: recordings.hold(
                db, request["tenant"], request["recording"], request["reason"], by(request), now()
            )
        )

    async def _release(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self._changed(
            lambda db: recordings.release(db, request["tenant"], request["recording"], by(request), now())
        )

    async def _erase(self, request: dict[str, Any]) -> dict[str, Any]:
        """All of a number; unheard at once, gone within moments."""
        goes, held = await self._ask(
            lambda db: recordings.erase(db, request["tenant"], request["number"], request["reason"], by(request), now())
        )
        self._poke()
        return {"erasing": goes, "held": held}

    async def _changed(self, change: Callable[[Database], bool]) -> dict[str, Any]:
        if not await self._ask(change):
            raise CommandError("there is no such recording", 404)
        return {}

    async def _row(self, tenant: str, recording: str) -> dict[str, Any]:
        row = await self._ask(lambda db: recordings.one(db, tenant, recording))
        if row is None:
            raise CommandError("there is no such recording", 404)
        return row

    async def _note(
        self, rows: list[dict[str, Any]], what: str, request: dict[str, Any], detail: dict[str, Any]
    ) -> None:
        def write(db: Database) -> None:
            with db.transaction():
                for row in rows:
                    recordings.note(db, row["id"], row["tenant"], now(), what, by(request), detail)

        await self._ask(write)

    async def _ask(self, question: Callable[[Database], T]) -> T:
        """Raises CommandError."""
        try:
            return await self._store.ask(question)
        except FAILURES as error:
            raise CommandError("the store does not answer", 503) from error

    def _open(self, row: dict[str, Any]) -> age.Opened:
        """Raises CommandError."""
        identity = self._identities().get(row["sealed_with"])
        if identity is None:
            raise CommandError("it was sealed with a key that this host has not: see rotate-secrets", 503)
        try:
            place = self._place(row["place"])
            return age.Opened(row["size"], lambda first, count: place.read(row["object"], first, count), identity)
        except (PlaceUnavailable, age.Unreadable) as error:
            raise CommandError(f"its sound cannot be read now: {error}", 503) from error


def by(request: dict[str, Any]) -> By:
    """Who asks, as pbx-web says."""
    said = request["by"]
    return By(said["author"], said["role"], said["address"])


def manifest_of(request: dict[str, Any]) -> dict[str, Any]:
    """What is in an export, by whom and when: SHA-256 is of the file beside it."""
    names = (
        "id", "call_id", "policy", "started", "length", "direction", "caller", "called", "people", "gaps", "announced",
    )  # fmt: skip
    return {
        "tenant": request["tenant"],
        "exported_at": request["at"],
        "exported_by": request["by"]["author"],
        "times": "milliseconds of UTC",
        "recordings": [
            {**{name: row[name] for name in names}, "file": f"{row['id']}.wav", "sha256": row["sound_sha256"]}
            for row in request["rows"]
        ],
    }


async def _say(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if piece:
        writer.write(len(piece).to_bytes(4, "big") + piece)
        async with asyncio.timeout(WITHIN):
            await writer.drain()


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(4))
    await writer.drain()


class _Pipe:
    """Writes of a thread into a stream of the loop, one after the other."""

    def __init__(self, writer: asyncio.StreamWriter, loop: asyncio.AbstractEventLoop) -> None:
        self._writer, self._loop = writer, loop
        self._at = 0

    def write(self, data: bytes) -> int:
        done: Future[None] = asyncio.run_coroutine_threadsafe(_say(self._writer, bytes(data)), self._loop)
        done.result()
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing waits here."""
