"""A process that did not run for a while, stopped by a signal or with its machine, must not speak as if it had."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pbx.server.leases import since_boot

log = logging.getLogger("pbx-calls")

TICK = 0.05  # seconds
LIMIT = 2.0  # seconds: with one beat that was due meanwhile still less than the beats that lose a lease


class Pause:
    """`check` is called before anything is done that others see: what came, what leaves, what is written. When the loop
    did not turn for LIMIT it calls `found` first, which asks the store whether we are still who we were."""

    def __init__(self, found: Callable[[], None], clock: Callable[[], float] = since_boot) -> None:
        self._found = found
        self._clock = clock
        self._seen = clock()

    def watch(self) -> None:
        """From now on; needs a running loop."""
        self.check()
        self._seen = self._clock()
        asyncio.get_running_loop().call_later(TICK, self.watch)

    def check(self) -> None:
        paused = self._clock() - self._seen
        if paused > LIMIT:
            self._seen = self._clock()
            log.error("this process did not run for %.1f s: are its tenants still served here?", paused)
            self._found()
            self._seen = self._clock()
