"""People's own settings between a call process and the store: read once a second in a thread of its own, and kept in a
file, so that a process that starts while the store is away knows them too."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import orjson

from pbx.calls.live.own_settings import OwnSettings, Row
from pbx.store import settings as stored
from pbx.store.database import FAILURES, Database
from pbx.store.journal import decode

log = logging.getLogger("pbx-calls")

ROUND = 1.0  # seconds


def kept(file: Path, journal: Path) -> list[Row]:
    """What a process before knew: its file, and what the journals of this host hold and the store may not have yet."""
    rows: list[Row] = []
    try:
        rows += orjson.loads(file.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        log.warning("%s is left out: %s", file, error)
    for segment in sorted(journal.glob("*.journal")):
        try:
            rows += [record for _, record in decode(segment.read_bytes()) if record.get("kind") == "setting"]
        except OSError:  # shipped meanwhile, and gone
            continue
    return rows


class SettingsSync:
    """`tell` gets rows that came from the store, in this thread; whoever serves calls takes them over in its own.
    `also` is whatever else has to be done with the store each second, `away` when it does not answer."""

    def __init__(
        self,
        known: OwnSettings,
        file: Path,
        connect: Callable[[], Database],
        *,
        tell: Callable[[list[Row]], object],
        also: Callable[[Database], None],
        away: Callable[[], object],
    ) -> None:
        self._known = known
        self._file = file
        self._connect = connect
        self._tell = tell
        self._also = also
        self._away = away
        self._db: Database | None = None
        self._newest = 0
        self._written = 0  # the version that is in the file
        self._silent = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settings", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2)
        if self._db is not None:
            self._db.close()

    def _run(self) -> None:
        while True:
            try:
                self._round()
            except Exception:
                log.exception("people's settings were not read")
            if self._stop.wait(ROUND):
                return

    def _round(self) -> None:
        self._read()
        version = self._known.version
        if version != self._written and self._write(self._known.rows()):
            self._written = version

    def _read(self) -> None:
        try:
            if self._db is None:
                self._db = self._connect()
            rows = stored.said(self._db, since=max(0, self._newest - stored.OVERLAP))
            self._also(self._db)
        except FAILURES as error:
            if not self._silent:
                log.error("people's settings cannot be read from the store, those known go on: %s", error)
            self._silent = True
            self._away()
            return
        self._silent = False
        self._newest = max([self._newest, *(row["changed"] for row in rows)])
        self._tell(rows)

    def _write(self, rows: list[Row]) -> bool:
        """Whole, then renamed: a kill leaves the old file or the new one."""
        new = self._file.with_suffix(".new")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:
                out.write(orjson.dumps(rows))
            new.rename(self._file)
        except OSError as error:
            log.error("%s cannot be written: %s", self._file, error)
            return False
        return True
