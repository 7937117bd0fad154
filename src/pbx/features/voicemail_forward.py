"""A message goes to a colleague's box too, behind a word about it (behaviour R12)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.calls.mailbox import COMMENT, LEAST, Message, NoRoom
from pbx.features.voicemail import not_kept
from pbx.features.voicemail_choice import boxes_of_extension
from pbx.features.voicemail_pin import typed
from pbx.model.services import Voicemail
from pbx.routing.reason import Reason

COMMENT_WITHIN = 60.0  # seconds


async def forward(call: Call, box: Voicemail, message: Message) -> None:
    """Ask for the extension and a comment. A copy is sent; this one stays."""
    target = next(iter(boxes_of_extension(call.tenant, await typed(call, "system-voicemail-forward"))), None)
    if target is None:
        await call.play("system-invalid")
        return
    try:
        with call.mail.place(target) as has_room:
            if not has_room:
                await call.play("system-voicemail-full")
                return
            sent = await _with_comment(call, box, message, target)
    except NoRoom as why:
        await not_kept(call, target, why)
        return
    if sent is None:
        await call.sound("refused")
        return
    call.note(Reason("message_forwarded", message=message.id, voicemail=target.id))
    await call.play("system-voicemail-forwarded")


async def _with_comment(call: Call, box: Voicemail, message: Message, target: Voicemail) -> Message | None:
    by = call.user.id if call.user is not None and call.user.id in box.users else box.owner
    comment = call.mail.draft(box.id, caller=None, name="", origin=call.record.id, state=COMMENT)
    try:
        await call.play("system-voicemail-comment")
        await call.beep()
        await call.take_message(comment, within=COMMENT_WITHIN, until="#")
        spoken = comment if comment.seconds >= LEAST else None
        return await call.mail.copy(message, target.id, by=f"user/{by}", comment=spoken)
    finally:
        comment.drop()
