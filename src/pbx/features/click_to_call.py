"""Click-to-call: who wants to call is rung first, then the number is dialled as by that person (behaviour R06)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.calls.leg import Branch, CallerId, DeviceTarget
from pbx.model.objects import User
from pbx.routing.reason import Reason

RING_TIME = 30.0  # seconds


async def fetch_caller(call: Call) -> bool:
    """Ring the person's own telephones; the one that is answered is the caller of what is then an ordinary call."""
    assert call.user is not None
    call.note(Reason("called_by_api", user=call.user.id, digits=call.record.dialled))
    outcome = await call.fetch(own_devices(call, call.user), within=RING_TIME)
    if outcome.status != 200:
        call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason)
    return outcome.status == 200


def own_devices(call: Call, person: User) -> list[Branch]:
    """Those that register, at once. Shown is what will be dialled. A mobile is left out: its mailbox might answer."""
    return [
        Branch(
            node=f"user/{person.id}",
            attempts=[DeviceTarget(person.id, device.id, call.tenant.domain, device.media)],
            caller_id=CallerId(call.record.dialled),
        )
        for device in person.devices.values()
        if device.number is None
    ]
