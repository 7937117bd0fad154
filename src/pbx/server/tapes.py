"""The recorded calls of a relay, from what rtpengine writes of them to finished recordings (`pbx.media.recorded`).

One folder, in memory: `pcaps/`, `metadata/` and `tmp/` are rtpengine's, whose pcaps are moved to `tapes/` as soon as
they are there; `tapes/<session>.jsonl` holds what call processes have told of a session, `finished/<id>/` are the
recordings. All that is known is in the folder: an agent that is killed goes on where it was, and makes a recording that
it was making again from the beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import multiprocessing
import os
import re
import signal
import sys
import time
from collections import OrderedDict
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import orjson

from pbx.media.ng import NgClient, NgError, NgTimeout
from pbx.media.tape import ON, OVER
from pbx.server import cutting

log = logging.getLogger("pbx-relay")

PR_SET_PDEATHSIG = 1  # prctl(2)
SESSION = re.compile(r"[A-Za-z0-9._-]{1,120}")
WRITTEN_WITHIN = 5.0  # seconds in which rtpengine closes the files of a call that is over
WRITES_AFTER = 0.05  # seconds after it is told of a recording until rtpengine has begun a file
LOOK_EVERY = 1.0
ASK_AFTER = 30.0  # seconds without a packet or a line after which rtpengine is asked whether it knows the session
AGAIN_AFTER = 10.0  # seconds after a recording could not be made
REMEMBERED = 10_000  # sessions that are made, by which a line that comes again is known
FULL = 0.05  # of the folder that must be free


class Tapes:
    """`folder` is the spool; `ng` is the rtpengine beside it, of which `cli` accepts connections while it lives."""

    def __init__(self, folder: Path, ng: NgClient, cli: tuple[str, int] | None) -> None:
        self.folder = folder
        self.finished = folder / "finished"
        self._told = folder / "tapes"
        self._ng = ng
        self._cli = cli
        self._open: dict[str, dict[str, Any]] = {}  # session → its newest line
        self._numbers: dict[str, set[int]] = {}
        self._due: dict[str, float] = {}  # session that is over → when to look at it
        self._done: OrderedDict[str, None] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self._pool: ProcessPoolExecutor | None = None
        self.made = self.failed = 0
        self.on_made: Any = lambda: None  # a recording is finished

    # --- its life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Go on with what the folder holds. Raises OSError."""
        for each in (self._told, self.finished):
            each.mkdir(mode=0o700, exist_ok=True)
        for path in self._told.glob("*.jsonl"):
            lines = cutting.lines_of(path)
            if lines:
                newest = lines[max(lines)]
                self._numbers[path.stem] = set(lines)
                self._is(path.stem, newest)
            else:
                path.unlink()
        self._tasks = [asyncio.ensure_future(self._make()), asyncio.ensure_future(self._watch_rtpengine())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def status(self) -> dict[str, Any]:
        return {
            "open": len(self._open) - len(self._due),
            "to_make": len(self._due),
            "made": self.made,
            "failed": self.failed,
            "full": self.is_full(),
        }

    def is_full(self) -> bool:
        """There is hardly any room left for sound."""
        try:
            room = os.statvfs(self.folder)
        except OSError:
            return True
        return room.f_bavail < room.f_blocks * FULL

    # --- what is told -----------------------------------------------------------------------------------------------

    def told(self, session: str, number: int, line: dict[str, Any]) -> bool:
        """A line of a call process; whether it is kept now, or was before."""
        if not SESSION.fullmatch(session) or session in self._done:
            return True  # nobody's, or of one that is made: not to be told again
        numbers = self._numbers.setdefault(session, set())
        if number in numbers:
            return True
        try:
            with (self._told / f"{session}.jsonl").open("ab") as file:
                file.write(orjson.dumps({"number": number, **line}) + b"\n")
        except OSError as error:
            log.error("what was told of %s is not kept: %s", session, error)
            return False
        newest = max(numbers, default=-1)
        numbers.add(number)
        if number > newest:
            self._is(session, line)
            asyncio.get_running_loop().call_later(WRITES_AFTER, self._set_aside)
        elif session in self._due:  # one that comes late, of a call that is over
            self._due[session] = time.monotonic()
        return True

    def _is(self, session: str, line: dict[str, Any]) -> None:
        self._open[session] = line
        if line["is"] == OVER:
            self._due[session] = time.monotonic()

    # --- finished recordings ----------------------------------------------------------------------------------------

    async def _make(self) -> None:
        asked = time.monotonic()
        while True:
            self._set_aside()
            for session in [one for one, due in self._due.items() if due <= time.monotonic()]:
                await self._make_one(session)
            if time.monotonic() - asked >= ASK_AFTER / 2:
                asked = time.monotonic()
                await self._end_forgotten()
            await asyncio.sleep(LOOK_EVERY / 10 if self._due else LOOK_EVERY)

    def _set_aside(self) -> None:
        try:
            cutting.set_aside(self.folder)
        except OSError as error:
            log.error("what rtpengine writes is not set aside: %s", error)

    async def _make_one(self, session: str) -> None:
        age = time.time() - self._open[session]["at"] / 1000
        if cutting.is_being_written(self.folder, session) and age < WRITTEN_WITHIN:
            return
        try:
            if self._pool is None:
                # the launcher of a release starts the service when it is read, and a new process would read it again
                vars(sys.modules["__main__"]).pop("__file__", None)
                spawn = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_worker)
            made = await asyncio.get_running_loop().run_in_executor(self._pool, cutting.make, self.folder, session)
        except (OSError, BrokenProcessPool, ValueError) as error:
            log.error("the recording of %s is not made yet: %r", session, error)
            self.failed += 1
            self._due[session] = time.monotonic() + AGAIN_AFTER
            if isinstance(error, BrokenProcessPool):
                self._pool = None
                self._due[session] = time.monotonic()
            return
        cutting.forget(self.folder, session)
        self._done[session] = None
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
        for known in (self._open, self._due, self._numbers):
            known.pop(session, None)
        self.made += len(made)
        if made:
            self.on_made()

    async def _end_forgotten(self) -> None:
        """Sessions of which nobody tells the end, as their process is gone for good: rtpengine knows them no more."""
        for session, line in list(self._open.items()):
            if session in self._due or time.time() - cutting.newest(self.folder, session, line) < ASK_AFTER:
                continue
            with contextlib.suppress(NgTimeout, OSError):
                try:
                    await self._ng.command("query", **{"call-id": session})
                except NgError:
                    log.warning("nobody told the end of %s, which rtpengine knows no more", session)
                    self._due[session] = time.monotonic()

    # --- rtpengine, killed and back ---------------------------------------------------------------------------------

    async def _watch_rtpengine(self) -> None:
        """It has its sessions back from Redis after a crash, and records none of them: say it again. Its command line
        is a connection that ends with it; one that it closes for being idle costs the same commands, which then change
        nothing."""
        while self._cli is not None:
            try:
                reader, writer = await asyncio.open_connection(*self._cli)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            await self._record_again()
            with contextlib.suppress(OSError):
                await reader.read(1)
            writer.close()

    async def _record_again(self) -> None:
        for session, line in list(self._open.items()):
            if line["is"] == ON and session not in self._due:
                try:
                    await self._ng.command("start recording", **{"call-id": session})
                except (NgError, NgTimeout, OSError) as error:
                    log.warning("%s is not recorded: %s", session, error)


def _worker() -> None:
    """The process that makes recordings: a signal to the service is its parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a killed agent begins a recording anew: none of two
    with contextlib.suppress(OSError):
        os.nice(10)
