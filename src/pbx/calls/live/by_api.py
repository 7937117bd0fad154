"""Calls that the API asks for, sends on and ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from pbx.calls.call import Call
from pbx.calls.leg import CallerId, DeviceTarget, Leg, Wish
from pbx.calls.live.exchange import Exchange, Refused
from pbx.calls.meeting import Meeting
from pbx.calls.record import BY_API, CallRecord
from pbx.calls.recording import PERSON, START
from pbx.model.objects import Tenant, User
from pbx.model.services import Conference
from pbx.routing import decide

log = logging.getLogger(__name__)

PARK = "park"
WISH_WITHIN = 2.0  # seconds
ANNOUNCED_WITHIN = 30.0  # seconds more, until both have heard that they are recorded
RECORDING = ("start", "stop", "pause", "resume")


def place(exchange: Exchange, tenant_id: str, user_id: str, to: str) -> Call:
    """Click-to-call (behaviour R06): a person's own devices ring, then `to` is dialled as the person dials it.
    Raises Refused."""
    tenant = exchange.serving.model.tenants.get(tenant_id)
    user = tenant.users.get(user_id) if tenant is not None else None
    if tenant is None or user is None:
        raise Refused(404, f"there is no user {user_id}")
    call = _made(exchange, tenant, f"{BY_API} {user.id}", user.extension or user.caller_id, to, user)
    exchange.start(call)
    exchange.begin(call)
    return call


def invite(exchange: Exchange, tenant: Tenant, by: User | None, conference: str, to: str) -> Call:
    """Ring somebody and let them into a conference room (behaviour R13), as this person may dial; one who called from
    outside (None) has no right to dial there at our cost, whatever PIN was typed. Raises Refused."""
    if conference not in tenant.services.conferences:
        raise Refused(404, f"there is no conference {conference}")
    called = decide.dialled(tenant, to).to
    person = tenant.users.get(called.value) if called.kind == "user" else None
    if person is None and called.kind != "outside":
        raise Refused(422, f"{to} is nobody who can be called into a conference")
    if by is None and person is None:
        raise Refused(403, f"{to} is outside, and so is who asks for it")
    call = _made(exchange, tenant, f"conference {conference}", None, to, None)
    call.invited_to, call.dialler = conference, by
    call.party = CallerId(person.extension, person.name) if person is not None else CallerId(called.value)
    exchange.start(call)
    exchange.begin(call)
    return call


def _made(exchange: Exchange, tenant: Tenant, source: str, caller: str | None, dialled: str, user: User | None) -> Call:
    """A call whose caller has yet to be rung. Raises Refused."""
    exchange.require_service(tenant)
    if tenant.max_calls is not None and exchange.of_tenant[tenant.id] >= tenant.max_calls:
        raise Refused(503, "Too Many Calls")
    started = exchange.clock()
    record = CallRecord(
        id=exchange.new_id(started),
        tenant=tenant.id,
        direction="internal",
        caller=caller,
        dialled=dialled,
        number=None,
        source=source,
        revision=tenant.revision,
        started=int(started * 1000),
    )
    edge = exchange.edges[min(exchange.edges)]
    connections = exchange.connect(None, source, tenant, edge, record.id)
    return exchange.make_call(record, tenant, connections, user, None, emergency=False)


class ApiWish(Wish):
    """What nobody has sent a REFER for; `tried` is 202, or why it is not even tried."""

    def __init__(self, by: Leg, digits: str, third: bool) -> None:
        self.by, self.digits, self.third = by, digits, third
        self.tried: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def accept(self) -> None:
        self._told(202)

    def reject(self, status: int) -> None:
        self._told(status)

    def finish(self, status: int) -> None:
        """Events and the record say so."""

    def _told(self, status: int) -> None:
        if not self.tried.done():
            self.tried.set_result(status)


async def transfer(
    exchange: Exchange, tenant_id: str, call_id: str, user_id: str, to: str, *, third: bool = False
) -> None:
    """A person who talks sends the other one on, as by REFER (behaviour R09); `to` as dialled, `park` for the first
    slot that is free. `third`: calls somebody in instead, for all to talk (R14). Raises Refused."""
    call = exchange.calls.get(call_id)
    if call is None or call.tenant.id != tenant_id:
        raise Refused(404, "there is no such call")
    by = _leg_of(call, user_id)
    listening = call.connections.on_wish
    if by is None or listening is None:
        raise Refused(409, f"{user_id} does not talk in this call now")
    parks = to == PARK and not third
    wish = ApiWish(by, call.tenant.feature_codes.get("park", "") if parks else to, third)
    listening(wish)
    try:
        async with asyncio.timeout(WISH_WITHIN):
            status = await wish.tried
    except TimeoutError:
        status = 408
    if status != 202:
        raise Refused(409, f"{to} is refused with {status}")


async def record(exchange: Exchange, tenant_id: str, call_id: str, action: str) -> None:
    """Somebody wants a call that is up recorded, or no more, or not for a while (behaviour R17): `action` is one of
    RECORDING. What begins is announced to both, so they must talk. Raises Refused."""
    call = exchange.calls.get(call_id)
    if call is None or call.tenant.id != tenant_id:
        raise Refused(404, "there is no such call")
    if action == "start":
        await _start_recording(call)
        return
    if action == "stop":
        done = await call.recording.stop()
    else:
        done = await (call.recording.pause if action == "pause" else call.recording.resume)(PERSON)
    if not done:
        raise Refused(409, f"there is no recording to {action}")


async def _start_recording(call: Call) -> None:
    listening = call.connections.on_wish
    if call.connections.joined is None or listening is None:
        raise Refused(409, "nobody talks in this call now")
    wish = ApiWish(call.caller, "", third=False)
    wish.recording = START
    listening(wish)
    try:
        async with asyncio.timeout(WISH_WITHIN + ANNOUNCED_WITHIN):
            status = await wish.tried
    except TimeoutError:
        status = 408
    if status != 202:
        raise Refused(409, "no policy allows it, or it is recorded already")


def _leg_of(call: Call, user_id: str) -> Leg | None:
    """The leg of a person who talks in this call."""
    joined = call.connections.joined
    if joined is None and not call.connections.mixed:
        return None
    if call.user is not None and call.user.id == user_id:
        return call.caller
    is_joined = joined is not None and isinstance(joined.target, DeviceTarget) and joined.target.user == user_id
    return joined if is_joined else None


def hang_up(exchange: Exchange, tenant_id: str, call_id: str) -> bool:
    """End a call at both ends; False when the tenant has none of that name."""
    call = exchange.calls.get(call_id)
    if call is None or call.tenant.id != tenant_id:
        return False
    call.record.hung_up_by = call.record.hung_up_by or "api"
    call.connections.caller.end("cancel")
    return True


def conferences(exchange: Exchange, tenant: Tenant) -> list[dict[str, Any]]:
    """The conference rooms of a tenant, those where nobody is included."""
    meetings = exchange.house_of(tenant.id).meetings
    return [_room(room, meetings.get(room.id)) for room in tenant.services.conferences.values()]


def _room(room: Conference, meeting: Meeting | None) -> dict[str, Any]:
    return {
        "conference": room.id,
        "extension": room.extension,
        "max_members": room.max_members,
        "locked": meeting is not None and meeting.locked,
        "members": meeting.roster() if meeting is not None else [],
    }


async def in_conference(
    exchange: Exchange, tenant: Tenant, conference: str, act: str, call_id: str, *, own: bool = False
) -> None:
    """Lock or unlock a room, or do something to one of its members: `mute`, `unmute`, `kick`. `own`: the member itself
    asks. Raises Refused."""
    if conference not in tenant.services.conferences:
        raise Refused(404, f"there is no conference {conference}")
    meeting = exchange.house_of(tenant.id).meetings.get(conference)
    if meeting is None:
        raise Refused(409, f"nobody is in {conference}")
    if act in ("lock", "unlock"):
        meeting.lock(None, act == "lock")
        return
    member = next((one for one in meeting.members if one.call.record.id == call_id), None)
    if member is None:
        raise Refused(404, f"call {call_id} is not in {conference}")
    if act == "kick":
        await meeting.send_out(member)
    else:
        if not await meeting.mute(member, act == "mute", by_other=not own):
            raise Refused(409, "muted by a moderator")


def invited_by_keys(exchange: Exchange, by: Call, conference: str, digits: str) -> bool:
    """A moderator has typed whom to call in; False when nobody is called."""
    try:
        invite(exchange, by.tenant, by.user, conference, digits)
    except Refused as refused:
        log.info("%s calls nobody into %s: %s", by.record.id, conference, refused)
        return False
    return True
