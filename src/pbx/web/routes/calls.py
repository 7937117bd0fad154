"""Calls that are up: list, ask for one, hang up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from pbx.web.access import Token
from pbx.web.documents import Call, Calls, Id, NewCall, Onward, Parked, Placed, RecordingWanted, Third
from pbx.web.problems import Problem, responses
from pbx.web.service import Needs, Ours, Service, people_of

router = APIRouter(prefix="/calls", tags=["calls"])
Reads = Annotated[Token, Depends(Needs("calls:read"))]
Writes = Annotated[Token, Depends(Needs("calls:write"))]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Any text of your own: the same request with the same key is carried out once within an hour.",
    ),
]


@router.get("", responses=responses(403, 422, 503))
async def list_calls(service: Ours, token: Reads, user: Id | None = None) -> Calls:
    """The calls that are up; with `user` those that this person has to do with. A token of role `user` sees its own."""
    calls = await service.calls_of(token)
    return Calls(calls=[Call.of(call) for call in calls if user is None or user in people_of(call)])


@router.post(
    "",
    status_code=202,
    responses={
        202: {"headers": {"Location": {"description": "The call, while it is up.", "schema": {"type": "string"}}}},
        **responses(400, 403, 404, 413, 422, 503),
    },
)
async def place_call(
    request: Request, response: Response, service: Ours, token: Writes, wanted: NewCall, key: Key = None
) -> Placed:
    """Ring a person's own telephones; when one is answered, dial `to` by that person's rules (its class of service, its
    number shown). The answer comes at once; follow the call by `/events`."""
    request.state.what = wanted.model_dump()
    if not token.is_for(wanted.user):
        raise Problem(403, f"the token is for {token.user} alone")

    async def place() -> str:
        call: str = (await service.ask(token, "place", user=wanted.user, to=wanted.to))["call"]
        return call

    call = await service.placed.do(token.name, key, wanted, place)
    request.state.what["call"] = call
    response.headers["Location"] = f"{request.url.path.rstrip('/')}/{call}"
    return Placed(call=call)


@router.get("/{call}", responses=responses(403, 404, 422, 503))
async def get_call(service: Ours, token: Reads, call: Id) -> Call:
    """A call that is up."""
    return Call.of(await service.call_of(token, call))


@router.delete("/{call}", status_code=204, responses=responses(403, 404, 422, 503))
async def hang_up_call(request: Request, service: Ours, token: Writes, call: Id) -> None:
    """Hang up, at both ends."""
    request.state.what = {"call": call}
    if token.user is not None:
        await service.call_of(token, call)
    await service.ask(token, "hang_up", call=call)


@router.post("/{call}/transfer", status_code=202, responses=responses(400, 403, 404, 409, 413, 422, 503))
async def transfer_call(request: Request, service: Ours, token: Writes, call: Id, wanted: Onward) -> Placed:
    """Send on whoever talks with `user`. 202: it rings there; when nobody answers, `user` has the call again."""
    return await _send_on(request, service, token, call, wanted.user, wanted.to)


@router.post("/{call}/conference", status_code=202, responses=responses(400, 403, 404, 409, 413, 422, 503))
async def call_in_third(request: Request, service: Ours, token: Writes, call: Id, wanted: Third) -> Placed:
    """Call a third person in, by the rules of `user`, who moderates from then on. 202: it rings there; when nobody
    answers, the two talk as before."""
    return await _send_on(request, service, token, call, wanted.user, wanted.to, third=True)


@router.post("/{call}/park", status_code=202, responses=responses(400, 403, 404, 409, 413, 422, 503))
async def park_call(request: Request, service: Ours, token: Writes, call: Id, wanted: Parked) -> Placed:
    """Let whoever talks with `user` wait, with music, in the first parking slot that is free."""
    return await _send_on(request, service, token, call, wanted.user, "park")


@router.post("/{call}/recording", status_code=202, responses=responses(400, 403, 404, 409, 413, 422, 503))
async def record_call(request: Request, service: Ours, token: Writes, call: Id, wanted: RecordingWanted) -> Placed:
    """Record a call that is up, or no more, or not for a while. 202: what its policy announces is played to both first;
    the events `recording.…` tell when it begins. 409: no policy allows it, or it is so already."""
    request.state.what = {"call": call, "action": wanted.action}
    await service.call_of(token, call)
    await service.ask(token, "record", call=call, action=wanted.action)
    return Placed(call=call)


async def _send_on(
    request: Request, service: Service, token: Token, call: str, user: str, to: str, *, third: bool = False
) -> Placed:
    request.state.what = {"call": call, "user": user, "to": to} | ({"third": True} if third else {})
    await service.call_of(token, call)
    if not token.is_for(user):
        raise Problem(403, f"the token is for {token.user} alone")
    await service.ask(token, "transfer", call=call, user=user, to=to, third=third)
    return Placed(call=call)
