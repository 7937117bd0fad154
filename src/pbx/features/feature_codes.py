"""What people dial to tell the PBX something (`feature_codes` of the model): each code is a story of its own.

A code takes the call and the digits that followed it ("" for none), and returns the next destination, or None when the
story is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pbx.calls.call import Call
from pbx.features import own_settings
from pbx.features.intercom import intercom
from pbx.features.last_number import call_return, redial
from pbx.features.paging import page
from pbx.features.park import park, unpark
from pbx.features.pickup import pick_up, pick_up_directed
from pbx.features.speed_dial import speed_dial
from pbx.features.voicemail_menu import box_of, own_box
from pbx.model.objects import Destination
from pbx.routing import decide, own

Code = Callable[[Call, str], Awaitable[Destination | None]]


async def feature_code(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    name, _, number = to.value.partition("/")
    return await CODES[name](call, number)


async def echo_test(call: Call, number: str) -> Destination | None:
    """The caller hears itself until it hangs up (behaviour R30)."""
    await call.answer()
    await call.echo()
    return None


async def hide_number(call: Call, number: str) -> Destination | None:
    """What follows is dialled as ever, and does not see who calls (behaviour R06); an emergency does."""
    to = call.follow(decide.dialled(call.tenant, number))
    call.hides = to.kind == "outside"
    if to.kind != "emergency":
        call.dials(call.tenant.feature_codes["hide_number"] + number)
    return to


CODES: Mapping[str, Code] = {
    "echo_test": echo_test,
    "hide_number": hide_number,
    "forward_always_on": own_settings.forward("always"),
    "forward_always_off": own_settings.no_forward("always"),
    "forward_busy_on": own_settings.forward("busy"),
    "forward_busy_off": own_settings.no_forward("busy"),
    "forward_no_answer_on": own_settings.forward("no_answer"),
    "forward_no_answer_off": own_settings.no_forward("no_answer"),
    "do_not_disturb_on": own_settings.switch(own.DO_NOT_DISTURB, True),
    "do_not_disturb_off": own_settings.switch(own.DO_NOT_DISTURB, False),
    "call_waiting_on": own_settings.switch(own.CALL_WAITING, True),
    "call_waiting_off": own_settings.switch(own.CALL_WAITING, False),
    "intercom": intercom,
    "page": page,
    "park": park,
    "redial": redial,
    "call_return": call_return,
    "speed_dial": speed_dial,
    "pickup": pick_up,
    "pickup_directed": pick_up_directed,
    "unpark": unpark,
    "voicemail": own_box,
    "voicemail_of": box_of,
}
