"""One of two who talk goes on to another call (`feature_codes: in_call_next`): the other one is hung up, and whoever
typed the code hears a tone and dials, with its own rights, without lifting the receiver again."""

from __future__ import annotations

import asyncio

from pbx.calls.call import Call
from pbx.calls.leg import Wish
from pbx.calls.onward import turn_to
from pbx.model.feature_codes import IN_CALL_NEXT
from pbx.model.objects import Destination
from pbx.routing import decide
from pbx.routing.reason import Reason

FIRST_WITHIN, NEXT_WITHIN = 10.0, 3.0  # seconds to the first digit, and from one to the next
END = "#"
REPEATED_WITHIN = 200  # ms: the end of a key is sent three times, and the engine may hear the last two


async def next_call(call: Call, wish: Wish) -> Destination | None:
    joined = call.connections.joined
    assert joined is not None
    left = turn_to(call, joined if wish.by is call.caller else call.caller)
    call.note(Reason("next_call", leg=call.caller.label))
    await call.connections.part()
    left.hang_up()
    await call.connections.release(left)
    call.dialler = call.user
    digits = await _dialled(call, call.tenant.in_call_codes.get(IN_CALL_NEXT, "")[-1:])
    return call.follow(decide.dialled(call.tenant, digits)) if digits else Destination("hang_up")


async def _dialled(call: Call, last: str) -> str:
    """What is typed after a tone; `last` is the key that ended the code."""
    digits, began = "", call.moment()
    sounding = asyncio.ensure_future(call.beep())
    call.connections.expect(call.caller)
    try:
        while True:
            async with asyncio.timeout(NEXT_WITHIN if digits else FIRST_WITHIN):
                key = await call.caller.digits.get()
            if key == END:
                return digits
            if digits or key != last or call.moment() - began > REPEATED_WITHIN:
                digits += key
    except TimeoutError:
        return digits
    finally:
        sounding.cancel()
