"""The mix of rooms, from the engine into the spool: `<spool>/<recording>/sound.wav`, written as it comes.

`room.json` beside it is what is known of it until it is whole (`pbx.media.recorded`). Where sound is missing, as the
engine or this process was killed, there is silence in the file and a gap in what is told, so that the clock is right.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pbx.calls.room_recording import RoomTaping
from pbx.media import recorded, wav_file
from pbx.media.engine_client import EngineError
from pbx.media.engines import Engines
from pbx.media.g711 import ALAW_SILENCE
from pbx.media.recorded import Gap, Recording

log = logging.getLogger(__name__)

KNOWN = "room.json"
RATE = 8000
MISSING = 1.0  # seconds that are filled with silence, and told
ORPHANED_AFTER = 60.0  # seconds in which the members of a process before are back in their room


@dataclass(slots=True)
class _Tape:
    folder: Path
    key: str
    about: dict[str, Any]
    file: BinaryIO
    samples: int = 0
    gaps: list[Gap] = field(default_factory=list)

    def keep(self) -> None:
        gaps = [(gap.start, gap.end) for gap in self.gaps]
        (self.folder / KNOWN).write_bytes(orjson.dumps({**self.about, "key": self.key, "gaps": gaps}))

    def write(self, sound: bytes, now: float) -> None:
        """Sound that ends now. Raises OSError."""
        due = round((now - self.about["started"]) * RATE) - len(sound)
        if due - self.samples > MISSING * RATE:
            self.gaps.append(Gap(self.samples / RATE, due / RATE, "lost"))
            self.file.write(bytes([ALAW_SILENCE]) * (due - self.samples))
            self.samples = due
            self.keep()
        self.file.write(sound)
        self.file.flush()
        self.samples += len(sound)


class RoomTapes(RoomTaping):
    """`spool` None: this host has none, and no room is recorded. `clock` gives seconds of UTC."""

    def __init__(self, spool: Path | None, engine: Engines, clock: Callable[[], float]) -> None:
        self._spool = spool
        self._engine = engine
        self._clock = clock
        self._tapes: dict[str, _Tape] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def begin(self, recording: str, key: str, about: Mapping[str, Any]) -> str:
        if self._spool is None:
            return "this host has no spool for recordings"
        try:
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = recorded.begin(self._spool, recording)
            file = (folder / recorded.SOUND).open("wb")
            file.write(wav_file.head(0))
            tape = _Tape(folder, key, {**about, "started": self._clock()}, file)
            tape.keep()
        except (OSError, recorded.NotARecording) as error:
            return str(error)
        return await self._listen(recording, tape)

    async def go_on(self, recording: str, key: str) -> str:
        if self._spool is None:
            return "this host has no spool for recordings"
        try:
            tape = _found(self._spool / recording)
        except (OSError, ValueError, KeyError) as error:
            return f"what was recorded is not there: {error}"
        return await self._listen(recording, tape)

    async def _listen(self, recording: str, tape: _Tape) -> str:
        self._tapes[recording] = tape
        try:
            await self._engine.tap(tape.key, recording)
        except EngineError as error:
            return str(error)
        return ""

    def heard(self, recording: str, sound: bytes) -> None:
        """The engine tells more of a room's mix."""
        tape = self._tapes.get(recording)
        if tape is None or not sound:
            return
        try:
            tape.write(sound, self._clock())
        except OSError as error:  # the disk is full: it goes on when it is not any more, and the gap is told
            log.error("recording %s: %s", recording, error)

    def end(self, recording: str, people: Sequence[str]) -> None:
        tape = self._tapes.get(recording)
        if tape is not None:
            task = asyncio.ensure_future(self._end(recording, tape, people))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, recording: str, tape: _Tape, people: Sequence[str]) -> None:
        with contextlib.suppress(EngineError):
            await self._engine.end_tap(tape.key, recording)
        self._tapes.pop(recording, None)
        try:
            if self._clock() - tape.about["started"] - tape.samples / RATE > MISSING:
                tape.write(b"", self._clock())
            _finish(recording, tape, people)
        except OSError as error:
            log.error("recording %s is not finished: %s", recording, error)

    async def finish_orphans(self) -> None:
        """Those of a process before to whose room nobody has come back."""
        if self._spool is None:
            return
        await asyncio.sleep(ORPHANED_AFTER)
        self.finish_those_of_nobody()

    def finish_those_of_nobody(self) -> None:
        assert self._spool is not None
        for known in self._spool.glob(f"*/{KNOWN}"):
            folder = known.parent
            if folder.name in self._tapes or (folder / recorded.ABOUT).exists():
                continue
            try:
                _finish(folder.name, _found(folder), ())
            except (OSError, ValueError, KeyError) as error:
                log.error("recording %s is not finished: %s", folder.name, error)


def _found(folder: Path) -> _Tape:
    """A recording that is not whole, as its folder has it. Raises OSError, ValueError, KeyError."""
    if (folder / recorded.ABOUT).exists():
        raise FileExistsError(f"{folder.name} is whole")
    known = orjson.loads((folder / KNOWN).read_bytes())
    gaps = [Gap(start, end, "lost") for start, end in known.pop("gaps")]
    file = (folder / recorded.SOUND).open("r+b")
    samples = max(0, file.seek(0, 2) - len(wav_file.head(0)))
    return _Tape(folder, known.pop("key"), known, file, samples, gaps)


def _finish(recording: str, tape: _Tape, people: Sequence[str]) -> None:
    about = dict(tape.about)
    if tape.samples % 2:
        tape.file.write(b"\0")
    tape.file.seek(0)
    tape.file.write(wav_file.head(tape.samples))
    tape.file.close()
    made = Recording(
        id=recording,
        started=datetime.fromtimestamp(about.pop("started"), UTC),
        length=tape.samples / RATE,
        people=tuple(people),
        gaps=tuple(tape.gaps),
        listen=tuple(about.pop("listen")),
        **about,
    )
    recorded.finish(tape.folder, made)
