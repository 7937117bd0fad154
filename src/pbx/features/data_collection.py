"""Data collection: digits that a menu's key asks for, an order number say (behaviour R16).

Of digits that are `sensitive` only how many were typed is written, wherever it may be: not in the record, not in
events, not in what is kept for a restart of the process, not in a log; and while they are typed nothing is recorded.
"""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.model.objects import Ivr
from pbx.model.services import Collect
from pbx.routing.reason import Reason

READ_BACK = "system-read-back"  # the digits, and: 1 if that is right
INVALID_PROMPT = "system-invalid"
BEYOND = 20  # digits more than asked for, after which an answer is over without the key that ends it


async def collected(call: Call, menu: Ivr, asks: Collect) -> bool:
    """Ask until the digits are as they must be, read back where they are to be confirmed; False when they never are."""
    if not asks.sensitive:
        return await _asked(call, menu, asks)
    call.happened.keeps_secret()
    await call.pause_recording()
    try:
        return await _asked(call, menu, asks)
    finally:
        await call.resume_recording()


async def _asked(call: Call, menu: Ivr, asks: Collect) -> bool:
    for attempt in range(1, menu.max_retries + 2):
        digits = await _typed(call, menu, asks)
        if not is_right(asks, digits):
            call.note(_wrong(asks, digits, attempt))
            await call.play(INVALID_PROMPT)
        elif asks.confirm and not await _confirmed(call, menu, digits):
            call.note(Reason("not_read_back", name=asks.name, attempt=attempt))
        else:
            call.known = {**call.known, asks.name: digits}
            call.happened.collected(asks.name, masked(digits) if asks.sensitive else digits)
            call.note(_right(asks, digits))
            return True
    return False


def is_right(asks: Collect, digits: str) -> bool:
    """As many digits as are asked for, and nothing else."""
    return digits.isdigit() and asks.least <= len(digits) <= asks.most


def masked(digits: str) -> str:
    """How many there were."""
    return "*" * len(digits)


async def _typed(call: Call, menu: Ivr, asks: Collect) -> str:
    typed = await call.collect(
        asks.prompt,
        first_within=menu.timeout,
        next_within=menu.digit_timeout,
        complete=lambda typed: _is_whole(asks, typed),
    )
    digits = typed.removesuffix(asks.end) if asks.end else typed
    ended = typed[len(digits) :]
    call.happened.answered_menu(menu.id, call.typed, asks.name, len(digits), ended, right=is_right(asks, digits))
    if asks.sensitive:
        call.forget_typed()  # what is more than was asked for is no choice of the next menu
    return digits


def _is_whole(asks: Collect, typed: str) -> bool:
    """With a key that ends it, what is too long is heard to its end as well: the rest of it would choose something."""
    if asks.end is not None:
        return typed.endswith(asks.end) or len(typed) > asks.most + BEYOND
    return len(typed) >= asks.most


def _wrong(asks: Collect, digits: str, attempt: int) -> Reason:
    count, least, most = len(digits), asks.least, asks.most
    return Reason("wrong_length", name=asks.name, length=count, least=least, most=most, attempt=attempt)


def _right(asks: Collect, digits: str) -> Reason:
    if asks.sensitive:
        return Reason("collected_secretly", name=asks.name, length=len(digits))
    return Reason("collected", name=asks.name, digits=digits)


async def _confirmed(call: Call, menu: Ivr, digits: str) -> bool:
    answer = await call.collect(
        READ_BACK,
        first_within=menu.timeout,
        next_within=menu.digit_timeout,
        complete=bool,
        values={"digits": " ".join(digits)},
    )
    call.happened.confirms(menu.id, call.typed, answer == "1")
    return answer == "1"
