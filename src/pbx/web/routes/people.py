"""People, and what they are doing now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request

from pbx.web.access import Token
from pbx.web.documents import Id, OwnSetting, OwnSettings, People, Person, SetSetting, moment
from pbx.web.problems import Problem, responses
from pbx.web.service import Needs, Ours, Service

router = APIRouter(prefix="/people", tags=["people"])
Reads = Annotated[Token, Depends(Needs("people:read"))]
Writes = Annotated[Token, Depends(Needs("people:write"))]
Key = Literal["do_not_disturb", "forward.always", "forward.busy", "forward.no_answer", "forward.unavailable"]
State = Literal["free", "ringing", "calling", "talking"]
STATES: tuple[State, ...] = ("free", "ringing", "calling", "talking")  # of several the last counts


@router.get("", responses=responses(403, 503))
async def list_people(service: Ours, token: Reads) -> People:
    """Everybody of the tenant, by the state of their telephones: colleagues see each other as on a lamp field."""
    people = (await service.ask(token, "people"))["people"]
    states = states_of((await service.ask(token, "calls"))["calls"])
    return People(people=[Person(**one, state=states.get(one["user"], "free")) for one in people])


@router.get("/{user}", responses=responses(403, 404, 422, 503))
async def get_person(service: Ours, token: Reads, user: Id) -> Person:
    """One person."""
    found = await service.person(token, user)
    states = states_of((await service.ask(token, "calls"))["calls"])
    return Person(**found, state=states.get(user, "free"))


@router.get("/{user}/settings", responses=responses(403, 404, 422, 503))
async def get_settings(service: Ours, token: Reads, user: Id) -> OwnSettings:
    """What the person has set by telephone or by the API, over what the model says."""
    await _person(service, token, user)
    found = (await service.ask(token, "settings"))["settings"].get(user, {})
    return OwnSettings(settings={key: _setting(one) for key, one in found.items()})


@router.put("/{user}/settings/{key}", responses=responses(400, 403, 404, 413, 422, 503))
async def put_setting(
    request: Request, service: Ours, token: Writes, user: Id, key: Key, wanted: OwnSetting
) -> OwnSettings:
    """Set do-not-disturb or a forwarding: it holds from the next call on, over the model's word, until it is taken
    back."""
    value = wanted.model_dump(exclude_none=True).get("value")
    request.state.what = {"user": user, "key": key, "value": value}
    await _person(service, token, user)
    await service.ask(token, "setting", user=user, key=key, value=value, author=f"api {token.id}")
    return await get_settings(service, token, user)


async def _person(service: Service, token: Token, user: str) -> None:
    """Is there this person, and may the token have to do with it? Raises Problem."""
    await service.person(token, user)
    if not token.is_for(user):
        raise Problem(403, f"the token is for {token.user} alone")


def _setting(plain: Mapping[str, Any]) -> SetSetting:
    return SetSetting(**{**plain, "changed": moment(plain["changed"])})


def states_of(calls: Iterable[Mapping[str, Any]]) -> dict[str, State]:
    """What everybody who has to do with a call is doing."""
    found: dict[str, State] = {}

    def mark(person: str | None, state: State) -> None:
        if person is not None:
            found[person] = max(found.get(person, "free"), state, key=STATES.index)

    for call in calls:
        mark(call["user"], "talking" if call["state"] == "talking" else "calling")
        mark(call["answered_by_user"], "talking")
        for leg in call["ringing"]:
            mark(leg["user"], "ringing")
    return found
