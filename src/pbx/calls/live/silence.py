"""Calls that nobody sends sound for any more: both phones are gone, or the way between them is, and no BYE will come.

Two who are joined are asked after at the relay (`query`, 180 µs of its CPU) twice in a tenant's `media_timeout`, never
more often. Only the change of `last packet` counts, so that no clock is compared with the relay's. A call on hold is
left alone, as whoever is held may be silent for long; so is a caller who hears the engine, whose session timer ends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from pbx.calls.call import Call
from pbx.calls.live.connections import SipConnections
from pbx.media.ng import NgError, NgTimeout
from pbx.routing.reason import Reason

log = logging.getLogger(__name__)

ROUND = 1.0  # seconds between two looks at who is due
LOOKS = 2  # in a `media_timeout`
AT_ONCE = 20  # queries under way
CAUSE = "media_timeout"  # what a record says ended the call


class _Watched:
    """One call as it was at the last looks: its newest packet by the relay's clock, and since when by ours."""

    __slots__ = ("due", "last", "since", "tags")

    def __init__(self, tags: frozenset[str], due: float) -> None:
        self.tags = tags
        self.due = due
        self.last = -1
        self.since = 0.0


class SilenceWatch:
    """Of the calls of one process. `calls` are those that are up, `now` is a clock that never goes back (seconds)."""

    def __init__(self, calls: Callable[[], Mapping[str, Call]], now: Callable[[], float]) -> None:
        self._calls = calls
        self._now = now
        self._watched: dict[str, _Watched] = {}
        self._free = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Watch until it is cancelled."""
        while True:
            await asyncio.sleep(ROUND)
            await asyncio.gather(*(self._look(call, self._watched[call.record.id]) for call in self._due()))

    def _due(self) -> list[Call]:
        calls, now = self._calls(), self._now()
        for gone in self._watched.keys() - calls.keys():
            del self._watched[gone]
        due = []
        for call_id, call in list(calls.items()):
            tags = _talking(call)
            watched = self._watched.get(call_id)
            if not tags:
                self._watched.pop(call_id, None)
            elif watched is None or watched.tags != tags:
                self._watched[call_id] = _Watched(tags, now + call.tenant.media_timeout / LOOKS)
            elif watched.due <= now:
                due.append(call)
        return due

    async def _look(self, call: Call, watched: _Watched) -> None:
        watched.due = self._now() + call.tenant.media_timeout / LOOKS
        try:
            async with self._free:
                last = newest_packet(await _connections(call).media.relay.query(), watched.tags)
        except NgTimeout:
            return  # the relay is slow, or dead: it will be back with its sessions
        except NgError:
            if call.caller.gone.done():
                return
            call.note(Reason("relay_forgot"))
            call.caller.end(CAUSE)
            return
        now = self._now()
        if last != watched.last:
            watched.last, watched.since = last, now
        elif now - watched.since >= call.tenant.media_timeout - ROUND and _talking(call) == watched.tags:
            log.warning("call %s: no sound from either side for %d s", call.record.id, call.tenant.media_timeout)
            call.note(Reason(CAUSE, seconds=round(call.tenant.media_timeout)))
            call.caller.end(CAUSE)


def newest_packet(reply: Mapping[str, Any], tags: frozenset[str]) -> int:
    """The second of the newest packet, RTP or RTCP, that any of these legs sent (its start where it sent none)."""
    legs = reply.get("tags", {})
    streams = (
        stream for tag in tags for media in legs.get(tag, {}).get("medias", ()) for stream in media.get("streams", ())
    )
    return max((int(stream.get("last packet", 0)) for stream in streams), default=0)


def _connections(call: Call) -> SipConnections:
    assert isinstance(call.connections, SipConnections)
    return call.connections


def _talking(call: Call) -> frozenset[str]:
    return frozenset() if call.caller.gone.done() else _connections(call).media.talking
