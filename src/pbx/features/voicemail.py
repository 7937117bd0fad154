"""A voicemail box: greeting, beep, a message (behaviour R12).

The caller's keys: `#` during the greeting goes to the beep and after it ends the message, `1` begins the message again,
`0` leads to the operator of the box, where it has one, and leaves what was said. Where the box wants it so, `*` leads
its owner to the messages. A caller who hangs up has left a message all the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pbx.calls.call import Call
from pbx.calls.leg import Audio
from pbx.calls.mailbox import Draft, Message, NoRoom
from pbx.features.voicemail_choice import named_by
from pbx.model.objects import Destination
from pbx.model.services import Voicemail
from pbx.routing.reason import Reason

GREETING, FULL, NO_ROOM = "system-voicemail", "system-voicemail-full", "system-voicemail-unavailable"
TO_LISTEN = 2.0  # seconds after the word that a box is full
BUSY = 486  # why the call was sent here, as a status
AGAIN, END, OPERATOR, LISTEN = "1", "#", "0", "*"
# The owner's, settings of the box: {id: of the recording, until: ms or none}
OWN_GREETING, FOR_A_WHILE, WHEN_BUSY = "greeting", "greeting_until", "greeting_busy"


async def voicemail(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    box = call.tenant.services.voicemails[to.value]
    await call.answer()
    with call.mail.place(box) as has_room:
        if has_room:
            return await _leave(call, box)
    call.note(Reason("box_full", voicemail=box.id, most=box.max_messages))
    if box.listen_from_outside and await call.speak([*call.audio(FULL), Audio(silence=TO_LISTEN)], keys=LISTEN):
        return _listen(call, box)  # whoever empties it is not to be kept out
    if not box.listen_from_outside:
        await call.play(FULL)
    await call.sound("refused")
    return None


def _listen(call: Call, box: Voicemail) -> Destination:
    """To its messages, for whoever has the PIN."""
    return Destination("feature_code", f"voicemail_of/{named_by(call.tenant, box)}")


async def _leave(call: Call, box: Voicemail) -> Destination | None:
    """Greeting and message; returns where the caller goes on."""
    keys = END + OPERATOR * (box.operator is not None) + LISTEN * box.listen_from_outside
    try:
        async with greeting_of(call, box) as greeting:
            key = await call.speak(greeting, keys=keys)
        while key not in (OPERATOR, LISTEN) and (key := await _message(call, box, AGAIN + keys)) == AGAIN:
            continue
    except NoRoom as why:
        await not_kept(call, box, why)
        await call.sound("refused")
        return None
    if key == OPERATOR:
        call.took("voicemails", box.id, "operator")
        return box.operator
    if key == LISTEN:
        return _listen(call, box)
    if key == END:
        await call.play("system-voicemail-recorded")
    return None


async def _message(call: Call, box: Voicemail, until: str) -> str:
    """One message, to its end or to the caller's; returns the key that ended it. Raises NoRoom."""
    draft = call.mail.draft(box.id, caller=call.party.number, name=call.party.name, origin=call.record.id)
    key = AGAIN
    try:
        await call.beep()
        key = ""  # from here on a caller who hangs up has left a message
        key = await call.take_message(draft, within=box.max_message, until=until)
    except NoRoom:
        key = AGAIN
        raise
    finally:
        if key == AGAIN:
            draft.drop()
        else:
            await _keep(call, box, draft)
    return key


async def _keep(call: Call, box: Voicemail, draft: Draft) -> None:
    seconds = draft.seconds
    try:
        message = await call.mail.keep(draft)
    except NoRoom:
        draft.drop()
        raise
    if message is None:
        call.note(Reason("message_too_short", voicemail=box.id))
    else:
        call.note(Reason("message", voicemail=box.id, seconds=round(seconds)))


@asynccontextmanager
async def greeting_of(call: Call, box: Voicemail) -> AsyncIterator[list[Audio]]:
    """The owner's own, the one for a while first, as long as it holds, then that for when a line is busy; else the
    model's; else the PBX's."""
    is_busy = bool(call.diversions) and call.diversions[-1].status == BUSY
    own = (FOR_A_WHILE, *((WHEN_BUSY,) if is_busy else ()), OWN_GREETING)
    message = next(filter(None, (_recorded(call, box, name) for name in own)), None)
    if message is not None:
        try:
            async with call.mail.audio(message) as audio:
                yield [audio]
            return
        except NoRoom as why:
            call.note(Reason("greeting_not_heard", voicemail=box.id, why=str(why)))
    yield call.audio(box.greeting or GREETING)


def _recorded(call: Call, box: Voicemail, name: str) -> Message | None:
    own = call.state.own(f"voicemail/{box.id}").get(name)
    said = own.value if own is not None else None
    if not said or (said["until"] is not None and said["until"] <= call.moment()):
        return None
    return call.mail.find(said["id"])


async def not_kept(call: Call, box: Voicemail, why: NoRoom) -> None:
    """The caller is told that nothing can be kept now, the record why."""
    call.note(Reason("message_not_kept", voicemail=box.id, why=str(why)))
    await call.play(NO_ROOM)
