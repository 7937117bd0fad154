"""A conference room: the PIN where there is one, music until a moderator is there, then the room (behaviour R13)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.model.objects import Destination
from pbx.model.services import Conference
from pbx.routing.reason import Reason

PIN, WRONG, WAIT = "system-conference-pin", "system-conference-wrong-pin", "system-conference-wait"
TRIES = 3
MOST_DIGITS = 12


async def conference(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    room = call.tenant.services.conferences[to.value]
    await call.answer()
    moderates = await _admitted(call, room)
    if moderates is None:
        return None
    call.note(Reason("conference_moderator" if moderates else "conference_member", conference=room.id))
    if room.wait_for_moderator and not moderates:
        await call.play(WAIT)
    await call.hear(None)  # alone in the room, or without its moderator
    return None


async def _admitted(call: Call, room: Conference) -> bool | None:
    """True for a moderator, False for anybody else who may come in, None for who may not."""
    if room.pin is None and room.moderator_pin is None:
        return False
    for _ in range(TRIES):
        typed = await call.collect(PIN, first_within=5.0, next_within=3.0, complete=_is_whole)
        digits = typed.rstrip("#")
        if room.moderator_pin is not None and call.state.is_pin(room.moderator_pin, digits):
            return True
        if room.pin is None or call.state.is_pin(room.pin, digits):
            return False
        await call.play(WRONG)
    call.note(Reason("conference_pin_wrong", conference=room.id, tries=TRIES))
    return None


def _is_whole(typed: str) -> bool:
    return typed.endswith("#") or len(typed) >= MOST_DIGITS
