"""Dialling once more: the number that a person dialled last, or whoever called them last (behaviour R09)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.model.objects import Destination
from pbx.routing import decide
from pbx.routing.reason import Reason


async def redial(call: Call, number: str) -> Destination | None:
    """What whoever calls has dialled last, from any of their telephones."""
    return await _again(call, "dialled", Reason("nothing_dialled"))


async def call_return(call: Call, number: str) -> Destination | None:
    """Whoever has rung one of their telephones last, answered or not."""
    return await _again(call, "called_by", Reason("nobody_called"))


async def _again(call: Call, way: str, none: Reason) -> Destination | None:
    number = await call.state.last_number(call.dialler, way) if call.dialler is not None else None
    call.happened.last_number(way, number)
    if not number:
        call.note(none if number is None else Reason("last_caller_hid"))
        call.reject(404)
        return None
    call.note(Reason("dials_last", number=number))
    call.dials(number)
    return call.follow(decide.dialled(call.tenant, number))
