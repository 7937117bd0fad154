"""An announcement: answer, play, then go on or hang up (behaviour R19)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.model.objects import Announcement, Destination

SUSPENDED = "system-suspended"


async def announcement(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    if to.value == SUSPENDED:  # a number that is suspended: told without an answer, so nobody pays for it
        await tell_and_refuse(call, SUSPENDED, 480)
        return None
    entry: Announcement = call.tenant.announcements[to.value]
    await call.answer()
    await call.play(entry.prompt)
    return entry.to or Destination("hang_up")


async def tell_and_refuse(call: Call, prompt: str, status: int) -> None:
    """Say why, before the refusal: as early media for a caller who is not answered."""
    await call.open_early()
    await call.play(prompt)
    call.reject(status)
