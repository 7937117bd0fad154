"""Conference rooms: who is in, who speaks; mute, send out, lock."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from pbx.web.access import Token
from pbx.web.documents import Conference, Conferences, Id, Invited, Member, Members, Placed
from pbx.web.problems import Problem, responses
from pbx.web.service import Needs, Ours, Service

router = APIRouter(prefix="/conferences", tags=["conferences"])
Reads = Annotated[Token, Depends(Needs("calls:read"))]
Writes = Annotated[Token, Depends(Needs("calls:write"))]


@router.get("", responses=responses(403, 503))
async def list_conferences(service: Ours, token: Reads) -> Conferences:
    """The rooms of the tenant, those where nobody is included."""
    return Conferences(conferences=[_room(one) for one in await _rooms(service, token)])


@router.get("/{conference}", responses=responses(403, 404, 422, 503))
async def get_conference(service: Ours, token: Reads, conference: Id) -> Conference:
    """One room."""
    return _room(await _found(service, token, conference))


@router.get("/{conference}/members", responses=responses(403, 404, 422, 503))
async def list_members(service: Ours, token: Reads, conference: Id) -> Members:
    """Who is in, in the order in which they came. A token of role `user` sees them while its person is among them."""
    room = await _found(service, token, conference)
    if token.user is not None and not any(one["user"] == token.user for one in room["members"]):
        raise Problem(403, f"the token is for {token.user} alone, who is not in")
    return Members(members=[Member.of(one) for one in room["members"]])


@router.post("/{conference}/members", status_code=202, responses=responses(400, 403, 404, 413, 422, 503))
async def call_in_member(request: Request, service: Ours, token: Writes, conference: Id, wanted: Invited) -> Placed:
    """Ring a colleague or a number outside; whoever answers is in. Follow the call by `/events`."""
    request.state.what = {"conference": conference, **wanted.model_dump()}
    members = (await _found(service, token, conference))["members"]
    if not token.is_for(wanted.user):
        raise Problem(403, f"the token is for {token.user} alone")
    if token.user is not None and not any(one["moderates"] and one["user"] == token.user for one in members):
        raise Problem(403, f"the token is for {token.user}, who does not moderate this conference now")
    answer = await service.ask(token, "invite", conference=conference, user=wanted.user, to=wanted.to)
    request.state.what["call"] = answer["call"]
    return Placed(call=answer["call"])


@router.post("/{conference}/lock", status_code=204, responses=responses(403, 404, 409, 422, 503))
async def lock_conference(request: Request, service: Ours, token: Writes, conference: Id) -> None:
    """Nobody else comes in, but who has the PIN of a moderator."""
    await _rule(request, service, token, conference, "lock")


@router.post("/{conference}/unlock", status_code=204, responses=responses(403, 404, 409, 422, 503))
async def unlock_conference(request: Request, service: Ours, token: Writes, conference: Id) -> None:
    """Others may come in again."""
    await _rule(request, service, token, conference, "unlock")


@router.post("/{conference}/members/{call}/mute", status_code=204, responses=responses(403, 404, 409, 422, 503))
async def mute_member(request: Request, service: Ours, token: Writes, conference: Id, call: Id) -> None:
    """Nobody hears this member from now on; the member cannot take that back by keys, unless it is its own token."""
    await _rule(request, service, token, conference, "mute", call)


@router.post("/{conference}/members/{call}/unmute", status_code=204, responses=responses(403, 404, 409, 422, 503))
async def unmute_member(request: Request, service: Ours, token: Writes, conference: Id, call: Id) -> None:
    """The others hear this member again."""
    await _rule(request, service, token, conference, "unmute", call)


@router.delete("/{conference}/members/{call}", status_code=204, responses=responses(403, 404, 409, 422, 503))
async def send_out_member(request: Request, service: Ours, token: Writes, conference: Id, call: Id) -> None:
    """Send this member out: its call ends."""
    await _rule(request, service, token, conference, "kick", call)


async def _rule(
    request: Request, service: Service, token: Token, conference: str, act: str, call: str | None = None
) -> None:
    """A token of role `user` mutes its own person; a moderator's does all that a moderator may."""
    more = {} if call is None else {"call": call}
    request.state.what = {"conference": conference, "act": act, **more}
    members = (await _found(service, token, conference))["members"]
    own = False
    if token.user is not None:
        mine = [one for one in members if one["user"] == token.user]
        own = act in ("mute", "unmute") and any(one["call"] == call for one in mine)
        if not own and not any(one["moderates"] for one in mine):
            raise Problem(403, f"the token is for {token.user}, who does not moderate this conference now")
    await service.ask(token, "in_conference", conference=conference, act=act, own=own, **more)


async def _rooms(service: Service, token: Token) -> list[dict[str, Any]]:
    rooms: list[dict[str, Any]] = (await service.ask(token, "conferences"))["conferences"]
    return rooms


async def _found(service: Service, token: Token, conference: str) -> dict[str, Any]:
    for room in await _rooms(service, token):
        if room["conference"] == conference:
            return room
    raise Problem(404, f"there is no conference {conference}")


def _room(plain: dict[str, Any]) -> Conference:
    return Conference(**{**plain, "members": len(plain["members"])})
