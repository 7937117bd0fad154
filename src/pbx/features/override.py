"""A switch that people set by telephone, such as the night switch: whoever may dials its code (behaviour R22)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.features.announcement import tell_and_refuse
from pbx.features.outside import BARRED_PROMPT
from pbx.model.objects import Destination
from pbx.routing.reason import Reason

ON, OFF = "system-override-on", "system-override-off"


async def override(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    switch = call.tenant.services.overrides[to.value]
    if call.user is None or call.user.id not in switch.users:
        call.note(Reason("override_not_allowed", override=switch.id))
        await tell_and_refuse(call, BARRED_PROMPT, 403)
        return None
    is_on = call.state.switch(switch.id)
    call.note(Reason("override_on" if is_on else "override_off", override=switch.id))
    await call.answer()
    await call.play(ON if is_on else OFF)
    return None
