"""An IVR menu: a prompt that a key or a voice interrupts, direct dial of extensions and names, retries (behaviour R15);
a key may ask for digits before it leads on (`data_collection`)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.features.announcement import spoken_hours
from pbx.features.data_collection import INVALID_PROMPT, collected, masked
from pbx.features.spoken_choice import phrases_of, understood, why_chosen
from pbx.model.objects import Destination, Ivr, Tenant
from pbx.routing.reason import Reason
from pbx.speech.recognition.heard import Vocabulary

NOT_UNDERSTOOD = "system-not-understood"


async def ivr(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    menu = call.tenant.ivrs[to.value]
    await call.answer()
    await (
        call.resume_recording()
    )  # a process before may have been killed while digits were typed that nobody shall hear
    is_wrong = False
    for attempt in range(1, menu.max_retries + 2):
        digits = await _answer(call, menu, attempt)
        chosen = _chosen(menu, call.tenant, digits)
        if chosen is not None:
            call.note(why_chosen(menu, digits, call.ear.heard, chosen))
            return await _taken(call, menu, digits, chosen)
        is_wrong = bool(digits) or call.ear.heard is not None
        if call.ear.heard is not None:
            await call.play(NOT_UNDERSTOOD)
        elif digits:
            told = masked(digits) if call.happened.has_secrets else digits  # it may be the rest of what was asked for
            call.note(Reason("wrong_key", ivr=menu.id, digits=told, attempt=attempt))
            await call.play(INVALID_PROMPT)
        else:
            call.note(Reason("no_key", ivr=menu.id, attempt=attempt))
    call.took("ivrs", menu.id, "on_invalid" if is_wrong else "on_timeout")
    return menu.on_invalid if is_wrong else menu.on_timeout


async def _answer(call: Call, menu: Ivr, attempt: int) -> str:
    """Tell the menu once; what was typed, or what was said as it would be typed; "" for neither."""
    phrases = phrases_of(menu, call.tenant, call.language)
    digits = await call.collect(
        menu.prompt,
        first_within=menu.timeout,
        next_within=menu.digit_timeout,
        complete=lambda typed: not _may_go_on(menu, call.tenant, typed),
        values=spoken_hours(call, menu.hours),
        listens=Vocabulary(call.language, tuple(phrases)) if phrases else None,
    )
    if call.ear.heard is not None:
        return understood(call, menu, phrases, call.ear.heard, attempt)
    call.happened.typed(menu.id, call.typed, digits if _chosen(menu, call.tenant, digits) is not None else None)
    if call.ear.is_deaf:
        why = call.connections.deaf_because
        call.note(Reason("nobody_listens", ivr=menu.id, why=why))
        call.tell("recogniser.missed", ivr=menu.id, why=why)
    return digits


async def _taken(call: Call, menu: Ivr, digits: str, chosen: Destination) -> Destination:
    """A key may change the language, and ask for digits of its own, before it leads on."""
    key = menu.keys.get(digits)
    call.took("ivrs", menu.id, *(("keys", digits) if key is not None else ("direct_dial",)))
    if key is not None and key.language:
        call.language = key.language
    if key is not None and key.collect is not None and not await collected(call, menu, key.collect):
        call.took("ivrs", menu.id, "on_invalid")
        return menu.on_invalid
    return chosen


def _chosen(menu: Ivr, tenant: Tenant, digits: str) -> Destination | None:
    if (key := menu.keys.get(digits)) is not None:
        return key.to
    return tenant.extensions.get(digits) if menu.direct_dial else None


def _may_go_on(menu: Ivr, tenant: Tenant, typed: str) -> bool:
    """Could more digits make it another choice? Then the digit timeout decides."""
    longer = [key for key in menu.keys if key != typed and key.startswith(typed)]
    if menu.direct_dial:
        longer += [extension for extension in tenant.extensions if extension != typed and extension.startswith(typed)]
    return bool(longer)
