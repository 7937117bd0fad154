"""What happens to the calls of a process, as it happens: numbered events for whoever looks on.

A call writes an event and goes on; it never waits for a reader and keeps nothing for one. The newest MOST events stay
in a ring, each encoded once. A reader that is slower than the ring has lost some: it is told so, asks for the calls
that are up, and goes on from there. Numbers begin at 1 with each start of the process, so an event is named by the
start (`boot`) and its number.

| event | more | when |
|-|-|-|
| `call.started` | direction, caller, dialled, number, source, user | the call is ours |
| `leg.ringing` | leg, user | a device or a trunk says that it rings |
| `leg.ended` | leg, user, status | it rings no longer and was not joined |
| `call.answered` | | the caller is answered, by somebody or by the PBX |
| `call.joined` | leg, user, node | the caller talks with somebody |
| `call.held`, `call.resumed` | by | one side put the other on hold, or took it back |
| `conference.joined`, `conference.left` | conference, moderates, members | somebody comes into a room, or goes |
| `conference.speaks` | conference, speaks | a member begins to speak, or ends |
| `conference.muted`, `conference.unmuted` | conference | a member is not heard any more, or again |
| `conference.locked`, `conference.unlocked` | conference | nobody else comes in, or they may again |
| `recording.started`, `recording.stopped` | policy | the call is recorded by it from now on, or no more |
| `recording.paused`, `recording.resumed` | policy, by | nothing is recorded for a while: a person, or `sensitive` |
| `recording.ready` | recording, policy, seconds | it is kept, and can be heard |
| `recording.failed` | policy, why | what should be recorded is not |
| `recogniser.missed` | ivr, why | a menu that listens could not: it took keys alone |
| `limit.reached` | number, user, why | no call may leave to this number now (`pbx.routing.limits`) |
| `emergency.dialled` | number, caller, user, source, location, address, shown | an emergency number is called |
| `call.ended` | disposition, code, hung_up_by, answered_by, collected | the record is written |
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from pbx.calls.leg import CalleeLeg, DeviceTarget

if TYPE_CHECKING:
    from pbx.calls.call import Call

MOST = 10_000  # some 3 MB
OF_THE_START = ("direction", "caller", "dialled", "number", "source", "user")
OF_THE_END = ("disposition", "code", "hung_up_by", "answered_by")


class Events:
    """The events of one start of a process. `clock` gives seconds of UTC."""

    def __init__(self, boot: str, clock: Callable[[], float], most: int = MOST) -> None:
        self.boot = boot
        self.last = 0  # number of the newest event
        self._clock = clock
        self._ring: deque[bytes] = deque(maxlen=most)
        self._news = asyncio.Event()

    def tell(self, event: str, call: Call, **more: Any) -> None:
        """Something happened to a call."""
        self.tell_of(event, call.tenant.id, call.record.id, **more)

    def tell_of(self, event: str, tenant: str, call_id: str, **more: Any) -> None:
        """The same of one that may be over."""
        self.last += 1
        document = {
            "seq": self.last,
            "at": int(self._clock() * 1000),
            "event": event,
            "tenant": tenant,
            "call": call_id,
            **more,
        }
        self._ring.append(orjson.dumps(document, default=str) + b"\n")
        self._news.set()

    def since(self, number: int) -> Sequence[bytes] | None:
        """The lines of the events after this one; None when some of them are not kept any more, or never were."""
        missing = self.last - number
        if missing < 0 or missing > len(self._ring):
            return None
        return [self._ring[index] for index in range(len(self._ring) - missing, len(self._ring))]

    async def news(self, number: int) -> None:
        """Until there is an event after this one."""
        while self.last <= number:
            self._news.clear()
            await self._news.wait()


def about(leg: CalleeLeg) -> dict[str, str | None]:
    """A leg as events name it."""
    return {"leg": leg.label, "user": leg.target.user if isinstance(leg.target, DeviceTarget) else None}


def listed(call: Call) -> dict[str, Any]:
    """A call that is up, as a list of calls shows it: what the events until now come to."""
    record, joined, mixed = call.record, call.connections.joined, call.connections.mixed
    return {
        "call": record.id,
        "tenant": record.tenant,
        "direction": record.direction,
        "caller": record.caller,
        "dialled": record.dialled,
        "number": record.number,
        "source": record.source,
        "user": call.user.id if call.user else None,
        "started": record.started,
        "answered": record.answered,
        "answered_by": record.answered_by,
        "answered_by_user": about(joined)["user"] if joined is not None else None,
        "state": "talking" if joined else "conference" if len(mixed) > 1 else "up" if call.is_up else "ringing",
        "mixed": [about(leg) for leg in mixed],
        "held": bool(call.held_by),
        "recording": call.recording.state if call.recording.active else None,
        "ringing": [about(leg) for leg in call.connections.rung if not leg.outcome.done()],
        "node": record.path[-1] if record.path else None,
    }
