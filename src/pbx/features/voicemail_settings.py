"""What the owner of a box sets by telephone: the greeting, one for some days, and the PIN (behaviour R12).

A greeting is a recording like a message, in the state `greeting`; which one is played is a setting of the box.
"""

from __future__ import annotations

from typing import Any

from pbx.calls.call import Call
from pbx.calls.mailbox import DELETED, GREETING, NoRoom
from pbx.features.voicemail import FOR_A_WHILE, OWN_GREETING, WHEN_BUSY, greeting_of, not_kept
from pbx.features.voicemail_choice import author
from pbx.features.voicemail_pin import choose_pin, typed
from pbx.model.services import Voicemail
from pbx.routing.reason import Reason

LONGEST = 60.0  # seconds of a greeting
DAY = 86_400_000  # ms
MOST_DAYS = 366


async def options(call: Call, box: Voicemail) -> None:
    """`1` records the greeting, `2` one for some days, `5` one for when the line is busy, `6` plays what callers hear
    now, `3` goes back to the company's, `4` changes the PIN."""
    key = await call.collect("system-voicemail-settings", first_within=8.0, next_within=0.0, complete=bool)
    match key:
        case "1":
            await _record(call, box, OWN_GREETING, until=None)
        case "2":
            days = await typed(call, "system-voicemail-days")
            if not (days.isdigit() and 1 <= int(days) <= MOST_DAYS):
                await call.play("system-invalid")
                return
            await _record(call, box, FOR_A_WHILE, until=call.moment() + int(days) * DAY)
        case "3":
            for name in (OWN_GREETING, FOR_A_WHILE, WHEN_BUSY):
                _use(call, box, name, None)
            await call.sound("done")
        case "4":
            await choose_pin(call, box)
        case "5":
            await _record(call, box, WHEN_BUSY, until=None)
        case "6":
            async with greeting_of(call, box) as greeting:
                await call.speak(greeting, keys="#")


async def _record(call: Call, box: Voicemail, name: str, *, until: int | None) -> None:
    """After the beep, to `#`; what was there before is heard until the new one is kept."""
    try:
        draft = call.mail.draft(box.id, caller=None, name="", origin=call.record.id, state=GREETING)
        try:
            await call.play("system-voicemail-greeting")
            await call.beep()
            await call.take_message(draft, within=LONGEST, until="#")
            greeting = await call.mail.keep(draft)
        except BaseException:
            draft.drop()
            raise
    except NoRoom as why:
        await not_kept(call, box, why)
        return
    if greeting is None:
        await call.sound("refused")
        return
    _use(call, box, name, {"id": greeting.id, "until": until})
    call.note(Reason("greeting_recorded", voicemail=box.id))
    await call.play("system-voicemail-greeting-saved")


def _use(call: Call, box: Voicemail, name: str, value: dict[str, Any] | None) -> None:
    """The recording of before is not needed any more."""
    before = call.state.own(f"voicemail/{box.id}").get(name)
    if before is not None and before.value and (old := call.mail.find(before.value["id"])) is not None:
        call.mail.mark(old, DELETED, author(call))
    call.state.set_own(f"voicemail/{box.id}", name, value, author(call))
