"""pbx-journal: the drainer of a host. Ships the journals of its call processes to the store, every 50 ms at most."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pbx.server import config as configuration
from pbx.server.notify import notify
from pbx.server.post import Post, Server
from pbx.server.transcripts import Recogniser, Transcripts
from pbx.store import database, messages
from pbx.store.drain import Drainer

log = logging.getLogger("pbx-journal")

BUSY_PAUSE = 0.05  # seconds between rounds while records come
IDLE_PAUSE = 0.25


def main(argv: list[str] | None = None) -> int:
    """Entry point of `pbx-journal`: runs until SIGTERM. An error of the store is told and tried again."""
    parser = argparse.ArgumentParser(prog="pbx-journal", description="ship call journals to the store")
    parser.add_argument("--config", type=Path, default=Path("/etc/pbx/calls.json"))
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        config = configuration.read(arguments.config)
    except configuration.ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    config.journal.mkdir(parents=True, exist_ok=True)
    shipping = Shipping(config)
    beside = list(_beside(config))
    for thread in beside:
        thread.start()
    notify("READY=1")
    while True:
        count = shipping.round()
        if stop.wait(BUSY_PAUSE if count else IDLE_PAUSE):
            break
    shipping.round()
    for thread in beside:
        thread.stop()
    return 0


def _beside(config: configuration.CallsConfig) -> Iterator[Post | Transcripts]:
    """What is done with messages that are in the store, where the inventory has who does it."""
    connect = partial(database.connect, config.store, password=config.store_password)
    secret = partial(configuration.secret, config.secrets)
    if config.mail is not None:
        yield Post(Server.of(config.mail), connect, secret)
    if config.transcription is not None:
        yield Transcripts(Recogniser.of(config.transcription), connect, secret)


SWEEP_EACH = 600.0  # seconds


class Shipping:
    """Rounds of the drainer. A store that does not work costs nothing but time: the journal waits."""

    def __init__(self, config: configuration.CallsConfig) -> None:
        self._config = config
        self._drainer: Drainer | None = None
        self._told = ""
        self._db: database.Database | None = None
        self._swept = 0.0

    def _sweep(self) -> None:
        """What was deleted a day ago is gone for good."""
        if self._db is not None and time.monotonic() - self._swept > SWEEP_EACH:
            self._swept = time.monotonic()
            if gone := messages.sweep(self._db, int(time.time() * 1000)):
                log.info("%d messages that were deleted a day ago are gone", gone)

    def round(self) -> int:
        """Ship what is there; returns the number of records."""
        try:
            if self._drainer is None:
                self._db = database.connect(self._config.store, password=self._config.store_password)
                self._drainer = Drainer(self._config.journal, self._db)
            count = self._drainer.drain()
            self._sweep()
        except database.FAILURES as error:
            if str(error) != self._told:  # once, not four times a second
                log.error("the store did not take the journal, trying again: %s", error)
            self._told = str(error)
            return 0
        self._told = ""
        return count


if __name__ == "__main__":
    sys.exit(main())
