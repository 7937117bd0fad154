"""Short numbers: a person's own, then those of the tenant (`speed_dials`; behaviour R09)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.model.objects import Destination
from pbx.routing import decide
from pbx.routing.reason import Reason


async def speed_dial(call: Call, number: str) -> Destination | None:
    """An outside number is dialled as if by its digits: by the rights of whoever calls."""
    person = call.dialler
    own = person.speed_dials.get(number) if person is not None else None
    to = own or call.tenant.speed_dials.get(number)
    if to is None:
        call.note(Reason("no_speed_dial", number=number or "–"))
        call.reject(404)
        return None
    owner = f"user/{person.id}" if own is not None and person is not None else call.tenant.id
    call.note(Reason("speed_dial", number=number, owner=owner, to=to))
    if to.kind != "outside":
        call.dials(call.tenant.feature_codes["speed_dial"] + number)
        return to
    call.dials(to.value)
    return call.follow(decide.dialled(call.tenant, to.value))
