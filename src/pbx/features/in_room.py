"""In a conference: `*` opens a menu. `1` mutes oneself, and takes that back; a moderator also has `2` to lock the door,
`3` to mute all others, `4` to send out who came last, `5` and a number with `#` to call somebody in, `7` to have it
recorded, or no more, `9` to end it for all. `6` says how many are in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pbx.calls.hearing import Hearing
from pbx.calls.meeting import Meeting, Member

WAIT, ALONE = "system-conference-wait", "system-conference-alone"
MENU, MODERATOR_MENU = "system-conference-menu", "system-conference-moderator-menu"
NUMBER, HOW_MANY = "system-conference-number", "system-conference-count"
OPENS, MUTE, LOCK, MUTE_OTHERS, SEND_OUT, CALL_IN, COUNT, RECORD, END = "*", "1", "2", "3", "4", "5", "6", "7", "9"
MUTED, UNMUTED = "system-conference-muted", "system-conference-unmuted"
LOCKED, UNLOCKED = "system-conference-lock-on", "system-conference-lock-off"
DONE, NOT_DONE = "done", "refused"  # tones


@dataclass(frozen=True, slots=True)
class Keys:
    """What the keys of a moderator lead to: `call_in` says whether somebody is being called."""

    call_in: Callable[[Member, str], Awaitable[bool]]
    moderator_menu: str = MODERATOR_MENU
    has_door: bool = True


async def stay(ears: Hearing, meeting: Meeting, member: Member, keys: Keys) -> None:
    """Until the member hangs up, or is sent out."""
    if not meeting.has_begun:
        await ears.play(WAIT)
    typing = asyncio.ensure_future(ears.caller.digits.get())
    music: asyncio.Future[None] | None = None
    try:
        ears.connections.expect(ears.caller)
        while not member.sent_out:
            member.news.clear()
            enters = meeting.has_begun and not member.is_in
            wants_music = not member.is_in or meeting.is_alone(member)
            if music is not None and (enters or not wants_music or member.tone or member.says or typing.done()):
                await _over(music)
                music = None
            if enters:
                meeting.comes_in(member)
                await meeting.let_hear(member)
                await _tell_entering(ears, meeting, member)
                continue
            if member.is_otherwise:
                await meeting.let_hear(member)
            if member.tone:
                tone, member.tone = member.tone, ""
                await ears.sound(tone)
                continue
            if member.says:
                prompt, member.says = member.says, ""
                await ears.play(prompt)
                continue
            if typing.done():
                if typing.result() == OPENS:
                    await _menu(ears, meeting, member, keys)
                ears.connections.expect(ears.caller)
                typing = asyncio.ensure_future(ears.caller.digits.get())
                continue
            if music is None and wants_music:
                music = asyncio.ensure_future(ears.hear(None))
            await _news(member, typing)
    finally:
        typing.cancel()
        if music is not None:
            await _over(music)
        await ears.connections.leave_room(ears.caller)


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


async def _tell_entering(ears: Hearing, meeting: Meeting, member: Member) -> None:
    if member.was_in:
        return
    if meeting.is_alone(member):
        await ears.play(ALONE)
    else:
        await ears.sound("joined")


async def _menu(ears: Hearing, meeting: Meeting, member: Member, keys: Keys) -> None:
    menu = keys.moderator_menu if member.moderates else MENU
    key = await ears.collect(menu, first_within=4.0, next_within=0.1, complete=bool)
    if key == MUTE:
        muted = not member.is_quiet
        if await meeting.mute(member, muted, by_other=False):
            await ears.play(MUTED if muted else UNMUTED)
        else:
            await ears.sound(NOT_DONE)
    elif key == COUNT:
        await ears.play(HOW_MANY, values={"count": str(meeting.count)})
    elif key == LOCK and member.moderates and keys.has_door:
        meeting.lock(member, not meeting.locked)
        await ears.play(LOCKED if meeting.locked else UNLOCKED)
    elif key:
        await ears.sound(DONE if member.moderates and await _ruled(ears, meeting, member, key, keys) else NOT_DONE)


async def _ruled(ears: Hearing, meeting: Meeting, member: Member, key: str, keys: Keys) -> bool:
    """Do to others what a moderator's key means; False when it means nothing."""
    if key == MUTE_OTHERS:
        await meeting.mute_others(member)
    elif key == CALL_IN:
        typed = await ears.collect(NUMBER, first_within=5.0, next_within=5.0, complete=_is_number)
        digits = typed.rstrip("#")
        return digits != "" and await keys.call_in(member, digits)
    elif key == SEND_OUT and (last := meeting.last_who_came(member)) is not None:
        await meeting.send_out(last)
    elif key == RECORD:
        return await meeting.recording.stop(member) or await meeting.recording.start(member)
    elif key == END:
        await meeting.end(member)
    else:
        return False
    return True


def _is_number(typed: str) -> bool:
    return typed.endswith("#")
