"""People, and what they are doing now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends

from pbx.web.access import Token
from pbx.web.documents import Id, People, Person
from pbx.web.problems import responses
from pbx.web.service import Needs, Ours

router = APIRouter(prefix="/people", tags=["people"])
Reads = Annotated[Token, Depends(Needs("people:read"))]
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
