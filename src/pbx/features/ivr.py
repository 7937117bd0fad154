"""An IVR menu: a prompt that a key interrupts, direct dial of extensions, retries (behaviour R15, keys); a key may ask
for digits before it leads on (behaviour R16)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.features.announcement import spoken_hours
from pbx.model.objects import Destination, Ivr, Tenant
from pbx.model.services import Collect
from pbx.routing.reason import Reason

READ_BACK = "system-read-back"  # the digits, and: 1 if that is right
INVALID_PROMPT = "system-invalid"


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
            if key is not None and key.collect is not None and not await _collected(call, menu, key.collect):
                call.took("ivrs", menu.id, "on_invalid")
                return menu.on_invalid
            return chosen
        if not digits:
            call.note(Reason("no_key", ivr=menu.id, attempt=attempt + 1))
        else:
            call.note(Reason("wrong_key", ivr=menu.id, digits=digits, attempt=attempt + 1))
            await call.play(INVALID_PROMPT)
    call.took("ivrs", menu.id, "on_invalid" if digits else "on_timeout")
    return menu.on_invalid if digits else menu.on_timeout


async def _collected(call: Call, menu: Ivr, asks: Collect) -> bool:
    """Digits as a key asks for them, read back where they are to be confirmed; False when they never came right."""
    for attempt in range(1, menu.max_retries + 2):
        typed = await call.collect(
            asks.prompt,
            first_within=menu.timeout,
            next_within=menu.digit_timeout,
            complete=lambda typed: _whole(asks, typed),
        )
        digits = typed.removesuffix(asks.end) if asks.end else typed
        if not (digits.isdigit() and asks.least <= len(digits) <= asks.most):
            call.note(
                Reason(
                    "wrong_length",
                    name=asks.name,
                    length=len(digits),
                    least=asks.least,
                    most=asks.most,
                    attempt=attempt,
                )
            )
            await call.play(INVALID_PROMPT)
        elif asks.confirm and not await _confirmed(call, menu, digits):
            call.note(Reason("not_read_back", name=asks.name, attempt=attempt))
        else:
            call.known = {**call.known, asks.name: digits}
            call.note(
                Reason("collected_secretly", name=asks.name, length=len(digits))
                if asks.sensitive
                else Reason("collected", name=asks.name, digits=digits)
            )
            return True
    return False


def _whole(asks: Collect, typed: str) -> bool:
    if asks.end is not None:
        return typed.endswith(asks.end) or len(typed) > asks.most
    return len(typed) >= asks.most


async def _confirmed(call: Call, menu: Ivr, digits: str) -> bool:
    answer = await call.collect(
        READ_BACK,
        first_within=menu.timeout,
        next_within=menu.digit_timeout,
        complete=bool,
        values={"digits": " ".join(digits)},
    )
    return answer == "1"


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
