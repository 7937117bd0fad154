"""A conference room: the PIN where there is one, music until a moderator is there, then the room (behaviour R13).

In the room `*` opens a menu: `1` mutes oneself, and takes that back; a moderator also has `2` to lock the door, `3` to
mute all others, `4` to send out who came last, `5` and a number with `#` to call somebody in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from pbx.calls.call import Call
from pbx.calls.meeting import Meeting, Member
from pbx.model.objects import Destination
from pbx.model.services import Conference
from pbx.routing.reason import Reason

PIN, WRONG, WAIT = "system-conference-pin", "system-conference-wrong-pin", "system-conference-wait"
GOODBYE, ALONE, SENT_OUT = "system-goodbye", "system-conference-alone", "system-conference-kicked"
REFUSED = {"full": "system-conference-full", "locked": "system-conference-locked"}
MENU, MODERATOR_MENU = "system-conference-menu", "system-conference-moderator-menu"
NUMBER = "system-conference-number"
OPENS, MUTE, LOCK, MUTE_OTHERS, SEND_OUT, CALL_IN = "*", "1", "2", "3", "4", "5"
TRIES = 3
MOST_DIGITS = 12
MUTED, UNMUTED = "system-conference-muted", "system-conference-unmuted"
LOCKED, UNLOCKED = "system-conference-lock-on", "system-conference-lock-off"
DONE, NOT_DONE = "done", "refused"  # tones


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
        entry = call.happened.comes_to(room.id, moderates, call.moment())
    with _in(call, room, Member(call, entry)) as (meeting, member):
        await _stay(call, meeting, member)
    if member.sent_out:
        call.note(Reason("conference_sent_out", conference=room.id))
        await call.play(SENT_OUT)
    return None


async def _admitted(call: Call, room: Conference) -> bool | None:
    """True for a moderator, False for anybody else who may come in, None for who may not."""
    if room.pin is None and room.moderator_pin is None:
        return False
    for _ in range(TRIES):
        typed = await call.collect(PIN, first_within=5.0, next_within=3.0, complete=_is_whole)
        digits = typed.rstrip("#")
        if room.pin is not None and call.state.is_pin(room.pin, digits):
            return False
        if room.moderator_pin is not None and call.state.is_pin(room.moderator_pin, digits):
            return True
        if room.pin is None:
            return False
        await call.play(WRONG)
    call.note(Reason("conference_pin_wrong", conference=room.id, tries=TRIES))
    return None


def _is_whole(typed: str) -> bool:
    return typed.endswith("#") or len(typed) >= MOST_DIGITS


def _is_number(typed: str) -> bool:
    return typed.endswith("#")


def _meeting(call: Call, room: Conference) -> Meeting:
    """The room as it is; an empty one is there only from the first member to the last."""
    meeting = call.house.meetings.get(room.id)
    return meeting or Meeting(room, f"{call.tenant.id}/conference/{room.id}", call.state.found(room.id))


@contextlib.contextmanager
def _in(call: Call, room: Conference, member: Member) -> Iterator[tuple[Meeting, Member]]:
    """A member of the room, until it goes for whatever reason."""
    meeting = call.house.meetings.setdefault(room.id, _meeting(call, room))
    meeting.add(member)
    call.connections.on_speaks = lambda _, on: meeting.spoke(member, on)
    call.on_held = member.holds
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
        call.connections.changed()
        meeting.tell_of("conference.left", member)


async def _stay(call: Call, meeting: Meeting, member: Member) -> None:
    """Until the caller hangs up, or is sent out."""
    if not meeting.has_begun:
        await call.play(WAIT)
    typing = asyncio.ensure_future(call.caller.digits.get())
    music: asyncio.Future[None] | None = None
    try:
        call.connections.expect(call.caller)
        while not member.sent_out:
            member.news.clear()
            enters = meeting.has_begun and not member.is_in
            wants_music = not member.is_in or meeting.is_alone(member)
            if music is not None and (enters or not wants_music or member.tone or typing.done()):
                await _over(music)
                music = None
            if enters:
                meeting.comes_in(member)
                await meeting.let_hear(member)
                await _tell_entering(call, meeting, member)
                continue
            if member.is_otherwise:
                await meeting.let_hear(member)
            if member.tone:
                tone, member.tone = member.tone, ""
                await call.sound(tone)
                continue
            if typing.done():
                if typing.result() == OPENS:
                    await _menu(call, meeting, member)
                call.connections.expect(call.caller)
                typing = asyncio.ensure_future(call.caller.digits.get())
                continue
            if music is None and wants_music:
                music = asyncio.ensure_future(call.hear(None))
            await _news(member, typing)
    finally:
        typing.cancel()
        if music is not None:
            await _over(music)
        await call.connections.leave_room(call.caller)


async def _over(music: asyncio.Future[None]) -> None:
    music.cancel()
    await asyncio.gather(music, return_exceptions=True)


async def _news(member: Member, typing: asyncio.Future[str]) -> None:
    """Until something has changed in the room, or a key is pressed."""
    news = asyncio.ensure_future(member.news.wait())
    waits: set[asyncio.Future[Any]] = {news, typing}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        news.cancel()


async def _tell_entering(call: Call, meeting: Meeting, member: Member) -> None:
    if member.was_in:
        return
    if meeting.is_alone(member):
        await call.play(ALONE)
    else:
        await call.sound("joined")


async def _menu(call: Call, meeting: Meeting, member: Member) -> None:
    menu = MODERATOR_MENU if member.moderates else MENU
    key = await call.collect(menu, first_within=4.0, next_within=0.1, complete=bool)
    if key == MUTE:
        muted = not member.is_quiet
        if await meeting.mute(member, muted, by_other=False):
            await call.play(MUTED if muted else UNMUTED)
        else:
            await call.sound(NOT_DONE)
    elif key == LOCK and member.moderates:
        meeting.lock(member, not meeting.locked)
        await call.play(LOCKED if meeting.locked else UNLOCKED)
    elif key:
        await call.sound(DONE if member.moderates and await _ruled(meeting, member, key) else NOT_DONE)


async def _ruled(meeting: Meeting, member: Member, key: str) -> bool:
    """Do to others what a moderator's key means; False when it means nothing."""
    if key == MUTE_OTHERS:
        await meeting.mute_others(member)
    elif key == CALL_IN:
        digits = await member.call.collect(NUMBER, first_within=5.0, next_within=5.0, complete=_is_number)
        return digits.rstrip("#") != "" and member.call.house.invite(member.call, meeting.room.id, digits.rstrip("#"))
    elif key == SEND_OUT and (last := meeting.last_who_came(member)) is not None:
        await meeting.send_out(last)
    else:
        return False
    return True
