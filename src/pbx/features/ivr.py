"""An IVR menu: a prompt that a key interrupts, direct dial of extensions, retries (behaviour R15, keys); a key may ask
for digits before it leads on (`data_collection`)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.features.announcement import spoken_hours
from pbx.features.data_collection import INVALID_PROMPT, collected, masked
from pbx.model.objects import Destination, Ivr, Tenant
from pbx.routing.reason import Reason


async def ivr(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    menu = call.tenant.ivrs[to.value]
    values = spoken_hours(call, menu.hours)
    await call.answer()
    digits = ""
    for attempt in range(menu.max_retries + 1):
        digits = await call.collect(
            menu.prompt,
            first_within=menu.timeout,
            next_within=menu.digit_timeout,
            complete=lambda typed: not _may_go_on(menu, call.tenant, typed),
            values=values,
        )
        chosen = _chosen(menu, call.tenant, digits)
        call.happened.typed(menu.id, call.typed, digits if chosen is not None else None)
        if chosen is not None:
            call.note(Reason("key_typed", ivr=menu.id, digits=digits, to=chosen))
            key = menu.keys.get(digits)
            call.took("ivrs", menu.id, *(("keys", digits) if key is not None else ("direct_dial",)))
            if key is not None and key.language:
                call.language = key.language
            if key is not None and key.collect is not None and not await collected(call, menu, key.collect):
                call.took("ivrs", menu.id, "on_invalid")
                return menu.on_invalid
            return chosen
        if not digits:
            call.note(Reason("no_key", ivr=menu.id, attempt=attempt + 1))
        else:
            told = masked(digits) if call.happened.has_secrets else digits  # it may be the rest of what was asked for
            call.note(Reason("wrong_key", ivr=menu.id, digits=told, attempt=attempt + 1))
            await call.play(INVALID_PROMPT)
    call.took("ivrs", menu.id, "on_invalid" if digits else "on_timeout")
    return menu.on_invalid if digits else menu.on_timeout


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
