"""Who may listen: the PIN of a box, and what happens to who guesses (behaviour R12).

Wrong PINs are counted per box, over calls, until a right one comes: three, and the box is locked for a quarter of an
hour, for its owner too. A box without any PIN opens for the own
telephones of those who hear it, who are asked to choose one.
"""

from __future__ import annotations

import os

from pbx.calls.call import Call
from pbx.calls.state import PIN
from pbx.features.voicemail_choice import author
from pbx.model import pins
from pbx.model.services import Voicemail
from pbx.routing.reason import Reason

TRIES = 3
LOCKED_FOR = 900_000  # ms
WRONG, LOCKED = "wrong_pins", "locked"  # settings of `voicemail/ID`, beside PIN
MOST_DIGITS = 12


async def admitted(call: Call, box: Voicemail) -> bool:
    """May the caller listen? Otherwise the caller has been told, and the call is to end."""
    if not call.state.has_pin(box):
        if call.user is not None and call.user.id in box.users:
            return await choose_pin(call, box)
        call.note(Reason("box_without_pin", voicemail=box.id))
        await call.sound("refused")
        return False
    for _ in range(TRIES):
        if _is_locked(call, box):
            return await _tell_locked(call, box)
        digits = await typed(call, "system-voicemail-pin")
        if not digits:
            continue
        if _is_locked(call, box):  # others who were asked meanwhile have guessed: this one would be too many
            return await _tell_locked(call, box)
        if call.state.opens(box, digits):
            if _setting(call, box, WRONG):
                _set(call, box, WRONG, 0)
            call.note(Reason("box_opened", voicemail=box.id))
            return True
        _count_wrong(call, box)
        await call.play("system-voicemail-wrong-pin")
    return False


def _is_locked(call: Call, box: Voicemail) -> bool:
    return _setting(call, box, LOCKED) > call.moment()


async def _tell_locked(call: Call, box: Voicemail) -> bool:
    call.note(Reason("box_locked", voicemail=box.id))
    await call.play("system-voicemail-locked")
    return False


def _count_wrong(call: Call, box: Voicemail) -> None:
    wrong = _setting(call, box, WRONG) + 1
    call.note(Reason("box_pin_wrong", voicemail=box.id, tries=wrong))
    if wrong >= TRIES:
        _set(call, box, LOCKED, call.moment() + LOCKED_FOR)
        wrong = 0
    _set(call, box, WRONG, wrong)


async def choose_pin(call: Call, box: Voicemail) -> bool:
    """A new one, typed twice; False when none came of it."""
    for _ in range(TRIES):
        pin = await typed(call, "system-voicemail-new-pin")
        owner = call.tenant.users.get(box.owner)
        if pins.weakness(pin, owner.extension if owner is not None else None):
            await call.play("system-voicemail-weak-pin")
        elif await typed(call, "system-voicemail-pin-again") != pin:
            await call.play("system-voicemail-wrong-pin")
        else:
            _set(call, box, PIN, pins.hashed(pin, os.urandom(16)))
            call.note(Reason("box_pin_set", voicemail=box.id))
            await call.play("system-voicemail-pin-changed")
            return True
    await call.sound("refused")
    return False


async def typed(call: Call, prompt: str) -> str:
    """Digits up to `#`."""
    digits = await call.collect(
        prompt, first_within=8.0, next_within=4.0, complete=lambda one: one.endswith("#") or len(one) > MOST_DIGITS
    )
    return digits.removesuffix("#")


def _setting(call: Call, box: Voicemail, key: str) -> int:
    own = call.state.own(f"voicemail/{box.id}").get(key)
    return int(own.value or 0) if own is not None else 0


def _set(call: Call, box: Voicemail, key: str, value: object) -> None:
    call.state.set_own(f"voicemail/{box.id}", key, value, author(call))
