"""The owner listens: `*97`, or `*98` and an extension from any telephone; PIN, then message after message (R12).

Keys while a message plays and after it: `1` again, `2` deletes it or brings it back, `3` keeps it, `4` forwards it,
`5` calls back, `6` says from whom and when, `#` goes to the next and `*` to the one before, `0` to greetings and PIN;
while it plays `7` and `9` go five seconds back and on, `8` pauses. A new message that was heard is a saved one.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from pbx.calls.call import Call
from pbx.calls.mailbox import DELETED, NEW, SAVED, Message, NoRoom
from pbx.features.voicemail_choice import author, boxes_of_extension, boxes_of_person, chosen
from pbx.features.voicemail_forward import forward
from pbx.features.voicemail_pin import admitted
from pbx.features.voicemail_settings import options
from pbx.model.objects import Destination
from pbx.model.services import Voicemail
from pbx.routing import decide
from pbx.routing.reason import Reason

AGAIN, DELETE, KEEP, FORWARD, CALL_BACK, WHO, OPTIONS = "1234560"
BACK, PAUSE, ON = "789"
NEXT, BEFORE = "#", "*"
KEYS = AGAIN + DELETE + KEEP + FORWARD + CALL_BACK + WHO + OPTIONS + NEXT + BEFORE
STEP = 5.0  # seconds that 7 and 9 go
PAUSED = 120.0  # seconds that a pause lasts at most
KEY_WITHIN = 6.0  # seconds to choose; the menu is said three times
TIMES = 3


async def own_box(call: Call, number: str) -> Destination | None:
    """The box of whoever calls, or one of those that they share."""
    return await _box(call, boxes_of_person(call.tenant, call.user.id) if call.user is not None else [])


async def box_of(call: Call, number: str) -> Destination | None:
    """That of the person, or of the group, with this extension; from outside only one that wants it so."""
    boxes = boxes_of_extension(call.tenant, number)
    return await _box(call, [box for box in boxes if box.listen_from_outside or call.user is not None])


async def _box(call: Call, boxes: list[Voicemail]) -> Destination | None:
    await call.answer()
    if not boxes:
        call.note(Reason("no_box"))
        await call.sound("refused")
        return None
    box = await chosen(call, boxes)
    if box is None or not await admitted(call, box):
        return None
    messages = call.mail.messages(box.id)
    new = [message for message in messages if message.state == NEW]
    if new:
        await call.play("system-voicemail-new", values={"count": str(len(new))})
    else:
        await call.play("system-voicemail-none")
    to = await _listen(call, box, [*new, *(message for message in messages if message.state != NEW)])
    if to is None:
        await call.play("system-goodbye")
    return to


async def _listen(call: Call, box: Voicemail, messages: list[Message]) -> Destination | None:
    """Message after message, until somebody is called back, or nothing more is wanted. Others who share the box may
    change it meanwhile."""
    at = 0
    while True:
        if at >= len(messages):
            await call.play("system-voicemail-no-more")
            key = await _choice(call, "system-voicemail-options", BEFORE + OPTIONS)
        elif (found := call.mail.find(messages[at].id)) is None and messages[at].state != DELETED:
            await call.play("system-voicemail-gone")  # somebody else who hears this box has deleted it
            messages.pop(at)
            continue
        else:
            message = messages[at] = found or messages[at]
            key = await _play(call, message)
            if message.state == NEW:
                message = messages[at] = call.mail.mark(message, SAVED, author(call))
                call.note(Reason("message_heard", message=message.id))
            key = key or await _choice(call, "system-voicemail-menu", KEYS)
        match key:
            case "":
                return None
            case "#":
                at += 1
            case "*":
                at = max(0, at - 1)
            case "0":
                await options(call, box)
            case "2":
                messages[at] = await _delete_or_bring_back(call, message)
                at += messages[at].state == DELETED
            case "3":
                await call.play("system-voicemail-saved")
                at += 1
            case "4":
                await forward(call, box, message)
            case "5" if message.caller and call.user is not None:  # at nobody's cost from outside
                return call.follow(decide.dialled(call.tenant, message.caller))
            case "5":
                await call.sound("refused")
            case "6":
                await _envelope(call, message)


async def _play(call: Call, message: Message) -> str:
    """To its end, or to a key that is no seeking."""
    clock = asyncio.get_running_loop().time
    length, at = message.length / 1000, 0.0
    try:
        async with call.mail.audio(message) as audio:
            while True:
                began = clock()
                key = await call.speak([audio], keys=KEYS + BACK + PAUSE + ON, skip=at)
                at += clock() - began
                match key:
                    case "7":
                        at = max(0.0, at - STEP)
                    case "9":
                        at = min(length, at + STEP)
                    case "8":
                        await call.pause(PAUSED)
                    case _:
                        return key
    except NoRoom as why:
        call.note(Reason("message_not_heard", message=message.id, why=str(why)))
        await call.sound("refused")
        return ""


async def _choice(call: Call, prompt: str, keys: str) -> str:
    """One of these keys; "" for nobody who chooses."""
    for _ in range(TIMES):
        key = await call.collect(prompt, first_within=KEY_WITHIN, next_within=0.0, complete=bool)
        if key and key in keys:
            return key
        if key:
            await call.play("system-invalid")
    return ""


async def _delete_or_bring_back(call: Call, message: Message) -> Message:
    if message.state == DELETED:
        await call.play("system-voicemail-saved")
        return call.mail.mark(message, SAVED, author(call))
    deleted = call.mail.mark(message, DELETED, author(call))
    call.note(Reason("message_deleted", message=message.id))
    await call.play("system-voicemail-deleted")
    return deleted


async def _envelope(call: Call, message: Message) -> None:
    if message.caller:
        await call.play("system-voicemail-from", values={"number": message.caller})
    at = datetime.fromtimestamp(message.left / 1000, ZoneInfo(call.tenant.timezone))
    await call.play("system-voicemail-received", values={"date": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M}"})
    if message.state == SAVED and (number := _extension_of(call, message.author)):
        await call.play("system-voicemail-heard-by", values={"number": number})


def _extension_of(call: Call, author: str) -> str:
    """Of somebody else who has changed a message of a shared box; "" for nobody else, or one without."""
    person = call.tenant.users.get(author.removeprefix("user/"))
    return (person.extension or "") if person is not None and person is not call.user else ""
