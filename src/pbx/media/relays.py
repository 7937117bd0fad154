"""The relays of a call process: each new call goes to the next one in turn that answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from pbx.media.ng import NgClient, NgError, NgTimeout

log = logging.getLogger(__name__)

PING_EVERY = 0.5  # seconds between two pings of one relay
SILENT_AFTER = 1.0  # seconds without an answer after which a relay gets no new calls


class Relays:
    """Any number of rtpengines. A call keeps the relay that it began with; one that is silent gets no new calls."""

    def __init__(self, clients: Sequence[NgClient]) -> None:
        self._clients = list(clients)
        self._silent: set[NgClient] = set()
        self._next = 0
        self._watching: list[asyncio.Task[None]] = []

    def choose(self) -> NgClient:
        """The next in turn that answers; when none does, the next in turn: it may be back."""
        self._next += 1
        turn = [self._clients[(self._next + number) % len(self._clients)] for number in range(len(self._clients))]
        return next((client for client in turn if client not in self._silent), turn[0])

    def named(self, peer: str) -> NgClient | None:
        """The relay at `address:port`, None when it is none of ours any more."""
        return next((client for client in self._clients if client.peer == peer), None)

    def watch(self) -> None:
        """Ping them from now on. One relay needs no watching: there is no choice."""
        if len(self._clients) > 1:
            self._watching = [asyncio.ensure_future(self._watch(client)) for client in self._clients]

    def silent(self) -> list[str]:
        """The relays that do not answer, `address:port`."""
        return sorted(client.peer for client in self._silent)

    def close(self) -> None:
        for task in self._watching:
            task.cancel()

    async def _watch(self, client: NgClient) -> None:
        while True:
            answers = await _answers(client)
            if answers and client in self._silent:
                self._silent.discard(client)
                log.warning("relay %s answers again", client.peer)
            elif not answers and client not in self._silent:
                self._silent.add(client)
                log.error("relay %s does not answer: new calls go to the others", client.peer)
            await asyncio.sleep(PING_EVERY)


async def _answers(client: NgClient) -> bool:
    """Whether it answers in time; a refusal (it is full, or shuts down) is not an answer that helps a call."""
    with contextlib.suppress(NgError, NgTimeout, OSError, TimeoutError):
        async with asyncio.timeout(SILENT_AFTER):
            await client.command("ping")
            return True
    return False
