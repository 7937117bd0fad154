"""A voicemail box: greeting, beep, a message; `#` ends it, `1` begins it again (behaviour R12)."""

from __future__ import annotations

import asyncio

from pbx.calls.call import Call
from pbx.model.objects import Destination
from pbx.model.services import Voicemail
from pbx.routing.reason import Reason

GREETING = "system-voicemail"
AGAIN, END = "1", "#"


async def voicemail(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    box = call.tenant.services.voicemails[to.value]
    await call.answer()
    await call.play(box.greeting or GREETING)
    while await _message(call, box) == AGAIN:
        pass
    return None


async def _message(call: Call, box: Voicemail) -> str:
    """One message, to its end or to the caller's; returns the key that ended it."""
    await call.beep()
    clock = asyncio.get_running_loop().time
    begun = clock()
    try:
        return await call.take_message(within=box.max_message, until=AGAIN + END)
    finally:  # a caller who hangs up has left a message all the same
        call.note(Reason("message", voicemail=box.id, seconds=round(clock() - begun)))
