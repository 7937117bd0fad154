"""Which box is meant: a person may hear several, the own one and those that are shared (behaviour R12)."""

from __future__ import annotations

from collections.abc import Sequence

from pbx.calls.call import Call
from pbx.model.objects import Destination, Tenant
from pbx.model.services import Voicemail
from pbx.routing.reason import Reason

WHICH = "system-voicemail-which"
WITHIN = 4.0  # seconds to choose; the boxes are told three times
TIMES = 3
MOST = 9  # keys


def boxes_of_person(tenant: Tenant, user: str) -> list[Voicemail]:
    """Those that a person hears, the own ones first."""
    mine = [box for box in tenant.services.voicemails.values() if user in box.users]
    return sorted(mine, key=lambda box: (box.owner != user, bool(box.shared_with), box.id))


def boxes_of_extension(tenant: Tenant, number: str) -> list[Voicemail]:
    """Those of the person, or shared by the group, with this extension."""
    to = tenant.extensions.get(number)
    if to is None:
        return []
    if to.kind == "user":
        return [box for box in boxes_of_person(tenant, to.value) if box.owner == to.value]
    return [box for box in tenant.services.voicemails.values() if to.kind == "ring_group" and to.value in box.groups]


def named_by(tenant: Tenant, box: Voicemail) -> str:
    """The extension by which a box is known: of the group that shares it, else of its owner; "" without any."""
    of_box = [Destination("ring_group", group) for group in box.groups] + [Destination("user", box.owner)]
    known = {to: number for number, to in tenant.extensions.items()}
    return next((known[to] for to in of_box if to in known), "")


async def chosen(call: Call, boxes: Sequence[Voicemail]) -> Voicemail | None:
    """The only one, or that of the key; None for nobody who chooses."""
    if len(boxes) < 2:
        return boxes[0] if boxes else None
    keys = [str(place) for place in range(1, min(len(boxes), MOST) + 1)]
    said = [{"number": named_by(call.tenant, box), "digits": key} for key, box in zip(keys, boxes, strict=False)]
    for _ in range(TIMES):
        key = await call.collect(WHICH, first_within=WITHIN, next_within=0.0, complete=bool, values=said)
        if key in keys:
            box = boxes[int(key) - 1]
            call.note(Reason("box_chosen", voicemail=box.id))
            return box
    return None


def author(call: Call) -> str:
    """Who changes a message or a setting of a box in this call."""
    return f"user/{call.user.id}" if call.user is not None else f"call {call.record.id}"
