"""Drafts of what was said in messages, made by a program of the site, in a thread of pbx-journal (behaviour R12).

A program that is slow, gone or wrong costs nobody a message: the e-mail waits for a draft for three minutes and then
leaves without it.
"""

from __future__ import annotations

import logging
import threading
import time
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from pbx.integrations.dictation import NotHeard, text_of
from pbx.media.g711 import ALAW_TO_PCM
from pbx.store import messages, outbox, sealed
from pbx.store.database import FAILURES, Database

log = logging.getLogger("pbx-journal")

ROUND = 1.0  # seconds
TRANSCRIBE = "transcribe"  # the kind of its jobs
WITHIN = 60.0  # seconds of a program, unless the inventory says otherwise; a job is ours for outbox.LEASE
MOST_WITHIN = 110.0
TRIES = 3


@dataclass(frozen=True, slots=True)
class Recogniser:
    """`command` is a program with its arguments, `within` how many seconds it has for a message."""

    command: tuple[str, ...]
    within: float = WITHIN

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Recogniser:
        """Raises KeyError, ValueError."""
        return cls(tuple(map(str, plain["command"])), min(MOST_WITHIN, float(plain.get("within", WITHIN))))


class Transcripts:
    """Writes what is due, one message after the other. `secret` gives secrets of the process by name."""

    def __init__(
        self, recogniser: Recogniser, connect: Callable[[], Database], secret: Callable[[str], str | None]
    ) -> None:
        self._recogniser, self._connect, self._secret = recogniser, connect, secret
        self._db: Database | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="transcripts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stop.wait(ROUND):
            try:
                while self.round(int(time.time() * 1000)) and not self._stop.is_set():
                    continue
            except FAILURES as error:
                log.error("no message is written down now: %s", error)
                self._db = None
            except Exception:
                log.exception("transcripts")

    def round(self, now: int) -> int:
        """Write down one that is due; returns how many were. Raises one of FAILURES when the store does not work."""
        if self._db is None:
            self._db = self._connect()
        jobs = outbox.take(self._db, TRANSCRIBE, now, most=1)
        for job in jobs:
            self._write(self._db, job, now)
        return len(jobs)

    def _write(self, db: Database, job: dict[str, Any], now: int) -> None:
        name = job["body"]["message"]
        found, sound, secret = messages.one(db, name), messages.sound_of(db, name), self._secret("sound_key")
        if found is None or found["state"] == "deleted" or sound is None:
            outbox.done(db, job["id"])
            return
        try:
            if not secret:
                raise NotHeard("there is no sound_key")
            key = sealed.key_of(secret)
            wav = pcm_file(sealed.opened(key, name, sound))
            text = text_of(self._recogniser.command, wav, job["body"]["language"], self._recogniser.within)
        except (NotHeard, sealed.Unreadable) as error:
            if outbox.failed(db, job, str(error), now, for_good=job["tries"] >= TRIES):
                log.error("alarm: message %s is not written down: %s", name, error)
                messages.mail_now(db, name, now)
            else:
                log.warning("message %s is not written down yet: %s", name, error)
            return
        with db.transaction():
            messages.write_text(db, name, messages.sealed_text(key, name, text))
            messages.mail_now(db, name, now)
            outbox.done(db, job["id"])


def pcm_file(alaw: bytes) -> bytes:
    """A WAV file of 16 bit, 8 kHz, which recognisers take."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(ALAW_TO_PCM[np.frombuffer(alaw, np.uint8)].astype("<i2").tobytes())
    return out.getvalue()
