"""A conference room: the PIN where there is one, music until a moderator is there, then the room (behaviour R13); what
can be done in it is told in `in_room`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pbx.calls.call import Call
from pbx.calls.meeting import Meeting, Member
from pbx.features.in_room import Keys, stay
from pbx.model.objects import Destination
from pbx.model.services import Conference
from pbx.routing.reason import Reason

PIN, WRONG = "system-conference-pin", "system-conference-wrong-pin"
BLOCKED = "system-conference-blocked"
GOODBYE, SENT_OUT, OVER = "system-goodbye", "system-conference-kicked", "system-conference-over"
REFUSED = {"full": "system-conference-full", "locked": "system-conference-locked"}
TRIES = 3
MOST_DIGITS = 12


async def conference(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    room = call.tenant.services.conferences[to.value]
    await call.answer()
    entry = call.happened.is_at(room.id)  # when the process was killed meanwhile
    if entry is None:
        moderates = False if call.invited_to == room.id else await _admitted(call, room)
        if moderates is None:
            await call.play(GOODBYE)
            return None
        refused = _meeting(call, room).refuses(moderates or call.invited_to == room.id)
        if refused:
            call.note(Reason(f"conference_{refused}", conference=room.id, members=room.max_members))
            await call.play(REFUSED[refused])
            return None
        call.note(Reason("conference_moderator" if moderates else "conference_member", conference=room.id))
        if announcement := _meeting(call, room).recording.announcement:
            await call.play(announcement)
        entry = call.happened.comes_to(room.id, moderates, call.moment())
    with _in(call, room, Member(call, entry)) as (meeting, member):
        await meeting.recording.joined(member)
        await stay(call, meeting, member, Keys(_call_in))
    if member.sent_out:
        call.note(Reason("conference_over" if member.is_over else "conference_sent_out", conference=room.id))
        await call.play(OVER if member.is_over else SENT_OUT)
    return None


async def _admitted(call: Call, room: Conference) -> bool | None:
    """True for a moderator, False for anybody else who may come in, None for who may not."""
    if room.pin is None and room.moderator_pin is None:
        return False
    guesses, caller, outside = call.house.guesses, _caller(call), call.trunk is not None
    for _ in range(TRIES):
        if guesses.are_too_many(room.id, caller, outside=outside, now=call.moment()):
            call.note(Reason("conference_guessed", conference=room.id))
            await call.play(BLOCKED)
            return None
        typed = await call.collect(PIN, first_within=5.0, next_within=3.0, complete=_is_whole)
        digits = typed.rstrip("#")
        if room.pin is not None and call.state.is_pin(room.pin, digits):
            guesses.right(room.id, caller)
            return False
        if room.moderator_pin is not None and call.state.is_pin(room.moderator_pin, digits):
            guesses.right(room.id, caller)
            return True
        if room.pin is None:
            return False
        if digits and guesses.wrong(room.id, caller, outside=outside, now=call.moment()):
            call.tell("conference.guessed", conference=room.id, caller=caller)
            call.state.alert(f"conference {room.id}: PINs are guessed, the last one by {caller or 'a hidden number'}")
        await call.play(WRONG)
    call.note(Reason("conference_pin_wrong", conference=room.id, tries=TRIES))
    return None


def _caller(call: Call) -> str | None:
    """Whoever types PINs: a person of ours, or the number shown."""
    return f"user/{call.user.id}" if call.user is not None else call.party.number


def _is_whole(typed: str) -> bool:
    return typed.endswith("#") or len(typed) >= MOST_DIGITS


async def _call_in(member: Member, digits: str) -> bool:
    """A call of its own, by the rights of who calls there."""
    return member.call.house.invite(member.call, member.meets, digits)


def _meeting(call: Call, room: Conference) -> Meeting:
    """The room as it is; an empty one is there only from the first member to the last."""
    meeting = call.house.meetings.get(room.id)
    policy = call.tenant.services.recordings.get(room.record or "")
    return meeting or Meeting(room, f"{call.tenant.id}/conference/{room.id}", call.state.found(room.id), policy)


@contextlib.contextmanager
def _in(call: Call, room: Conference, member: Member) -> Iterator[tuple[Meeting, Member]]:
    """A member of the room, until it goes for whatever reason."""
    meeting = call.house.meetings.setdefault(room.id, _meeting(call, room))
    meeting.add(member)
    call.connections.on_speaks = lambda _, on: meeting.spoke(member, on)
    call.on_held = lambda _, held: member.holds(held)
    call.connections.changed()
    meeting.tell_of("conference.joined", member)
    try:
        yield meeting, member
    finally:
        call.connections.on_speaks = call.on_held = None
        call.happened.leaves(member.entry, call.moment())
        meeting.remove(member)
        if not meeting.members:
            call.house.meetings.pop(room.id, None)
            meeting.recording.over(call)
        call.connections.changed()
        meeting.tell_of("conference.left", member)
