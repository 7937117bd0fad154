"""An announcement: answer, play, then go on or hang up (behaviour R19)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.model.objects import Announcement, Destination
from pbx.routing.schedule import hours_to_tell

SUSPENDED = "system-suspended"


async def announcement(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    if to.value == SUSPENDED:  # a number that is suspended: told without an answer, so nobody pays for it
        await tell_and_refuse(call, SUSPENDED, 480)
        return None
    entry: Announcement = call.tenant.announcements[to.value]
    await call.answer()
    await call.play(entry.prompt, values=spoken_hours(call, entry.hours))
    return entry.to or Destination("hang_up")


def spoken_hours(call: Call, name: str | None) -> dict[str, str]:
    """What `{hours.open}` and `{hours.close}` of a prompt stand for: the schedule's hours of today, else of its next
    day that has some."""
    if name is None:
        return {}
    schedule = call.tenant.schedules[name]
    hours = hours_to_tell(schedule, call.tenant.calendars, call.now(), default_zone=call.tenant.timezone)
    if hours is None:
        return {}
    return {"hours.open": f"{hours.start:%H:%M}", "hours.close": f"{hours.end:%H:%M}" if hours.end else "24:00"}


async def tell_and_refuse(call: Call, prompt: str, status: int) -> None:
    """Say why, before the refusal: as early media for a caller who is not answered."""
    await call.open_early()
    await call.play(prompt)
    call.reject(status)
