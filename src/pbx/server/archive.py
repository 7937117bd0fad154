"""From sealed letters to the place where recordings are kept, with a row of the store for each; and out of both again.

A letter goes when its object was read back with the right sum and its row is committed. An object goes before its row.
So a kill at any moment leaves something to be done once more, and nothing that was confirmed is lost.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from pbx.calls.live.state import ALERT
from pbx.server.sealed_letters import Letter, Tray
from pbx.store import recordings
from pbx.store.database import FAILURES, Database
from pbx.store.places import NotThere, Place, PlaceUnavailable

log = logging.getLogger("pbx-keeper")

FIRST_WAIT, MOST_WAIT = 1.0, 300.0  # seconds between two tries of a place that is away


class Trouble:
    """What does not work now: tried again ever later, told once when it begins and once when it is over."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._tries, self._due = 0, 0.0
        self.why = ""

    @property
    def waits(self) -> bool:
        return bool(self._tries) and self._clock() < self._due

    def begins(self, why: object) -> None:
        self.why = str(why) or type(why).__name__
        if not self._tries:
            log.log(ALERT, "alarm: %s: %s; recordings wait, sealed, on the disk", self._what, self.why)
        wait = min(MOST_WAIT, FIRST_WAIT * 2 ** min(self._tries, 20)) * random.uniform(0.5, 1.0)
        self._tries, self._due = self._tries + 1, self._clock() + wait

    def is_over(self) -> None:
        if self._tries:
            log.warning("%s: works again", self._what)
        self._tries, self.why = 0, ""


class Archive:
    """Of a host that has the store. `place` makes one of `local` or `s3`."""

    def __init__(self, tray: Tray, connect: Callable[[], Database], place: Callable[[str], Place]) -> None:
        self._tray, self._connect, self._place = tray, connect, place
        self._db: Database | None = None
        self._store = Trouble("the store takes no rows of recordings")
        self._troubles: dict[str, Trouble] = {}
        self._odd: set[str] = set()

    def round(self) -> int:
        """Keep what is there, and let go what is past its time; returns how many letters were kept."""
        if self._store.waits:
            return 0
        try:
            if self._db is None:
                self._db = self._connect()
            db = self._db
            kept = sum(self._keep(db, recording) for recording in self._tray.letters())
            recordings.expire(db, now())
            self._let_go(db)
        except FAILURES as error:
            self._failed(error)
            return 0
        self._store.is_over()
        return kept

    def _failed(self, error: Exception) -> None:
        """The connection is opened anew next time."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._store.begins(error)

    def trouble(self) -> dict[str, str]:
        """What does not work now, by its name, and why."""
        found = {"store": self._store.why, **{kind: trouble.why for kind, trouble in self._troubles.items()}}
        return {name: why for name, why in found.items() if why}

    def _keep(self, db: Database, recording: str) -> bool:
        try:
            letter = self._tray.read(recording)
        except ValueError as error:
            if recording not in self._odd:
                log.log(ALERT, "alarm: the letter of recording %s is not understood: %s", recording, error)
            self._odd.add(recording)
            return False
        if not recordings.is_known(db, recording):
            trouble = self._trouble(letter.about.store)
            if trouble.waits or not self._put(letter, trouble):
                return False
            recordings.keep(db, letter.row(now()), now())
            log.info("recording %s is kept: %s %s", recording, letter.about.store, letter.object)
        self._tray.remove(recording)
        return True

    def _put(self, letter: Letter, trouble: Trouble) -> bool:
        try:
            place = self._place(letter.about.store)
            place.put(letter.object, self._tray.sealed(letter.about.id))
            if (found := place.sha256(letter.object)) != letter.sums.sha256:
                raise PlaceUnavailable(f"{letter.object} was read back with another sum, {found}")
        except PlaceUnavailable as error:
            trouble.begins(error)
            return False
        trouble.is_over()
        return True

    def _let_go(self, db: Database) -> None:
        """Objects of what is erased, then their rows."""
        for row in recordings.erasing(db):
            trouble = self._trouble(row["place"])
            if trouble.waits:
                continue
            try:
                self._place(row["place"]).delete(row["object"])
            except NotThere:
                pass
            except PlaceUnavailable as error:
                trouble.begins(error)
                continue
            recordings.erased(db, row["id"], now())
            log.info("recording %s is gone", row["id"])

    def _trouble(self, kind: str) -> Trouble:
        return self._troubles.setdefault(kind, Trouble(f"recordings are not taken by {kind}"))


def now() -> int:
    """Milliseconds of UTC."""
    return int(time.time() * 1000)
