"""Somebody who talks wants the call recorded, or no more, or not for a while (behaviour R17): by a code, or by the API.

Both hear the announcement of the policy, or a short tone, and then each other again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pbx.calls.call import Call
from pbx.calls.leg import Audio, CalleeLeg, NotAcceptable, Wish
from pbx.calls.onward import rejoin
from pbx.calls.recording import PERSON, START
from pbx.model.feature_codes import IN_CALL_PAUSE
from pbx.model.objects import Destination
from pbx.routing.reason import Reason


async def recording_asked(call: Call, wish: Wish) -> Destination | None:
    callee = call.connections.joined
    assert callee is not None
    await call.connections.part()
    what = await (_pause_or_go_on(call) if wish.recording == IN_CALL_PAUSE else _begin_or_end(call, wish, callee))
    if what:
        wish.accept()
        call.note(Reason("recording_by", leg=wish.by.label, what=what))
    else:
        wish.reject(403)
        call.note(Reason("recording_refused", leg=wish.by.label))
    await _sound(call, callee, "done" if what else "refused")
    await rejoin(call, callee)
    return None


async def _begin_or_end(call: Call, wish: Wish, callee: CalleeLeg) -> str:
    """What was done, "" when no policy allows anything."""
    if wish.recording != START and await call.recording.stop():
        return "stopped"
    return "started" if await call.recording.start(callee) else ""


async def _pause_or_go_on(call: Call) -> str:
    if await call.recording.resume(PERSON):
        return "resumed"
    return "paused" if await call.recording.pause(PERSON) else ""


async def _sound(call: Call, callee: CalleeLeg, tone: str) -> None:
    """Both hear a tone, if they are still there."""
    try:
        await call.connections.attend_beside(callee)
    except NotAcceptable:
        return
    playing = asyncio.gather(call.sound(tone), call.connections.play(callee, [Audio(tone=tone)]))
    try:
        waits: set[asyncio.Future[Any]] = {playing, callee.gone}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        playing.cancel()
