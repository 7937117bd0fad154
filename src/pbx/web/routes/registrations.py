"""Which devices are registered: the edges are asked at that moment."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from pbx.web.access import Token
from pbx.web.documents import Id, Registration, Registrations, moment
from pbx.web.problems import Problem, responses
from pbx.web.service import Needs, Ours

router = APIRouter(prefix="/registrations", tags=["people"])
Reads = Annotated[Token, Depends(Needs("people:read"))]


@router.get("", responses=responses(403, 404, 422, 503))
async def list_registrations(
    service: Ours, token: Reads, user: Annotated[Id | None, Query(description="Of this person only.")] = None
) -> Registrations:
    """The devices that can be rung now; a token of one person tells of that person's alone."""
    if user is not None:
        await service.person(token, user)
        if not token.is_for(user):
            raise Problem(403, f"the token is for {token.user} alone")
    person = user or token.user
    found = await service.ask(token, "registrations", **({"users": [person]} if person else {}))
    now = time.time()
    rows = [_registration(one, now) for one in found["registrations"]]
    return Registrations(registrations=rows, edges_silent=found["silent"])


def _registration(plain: dict[str, Any], now: float) -> Registration:
    times = {name: moment(int((now - plain[name]) * 1000)) for name in ("since", "refreshed")}
    times["expires"] = moment(int((now + plain["expires"]) * 1000))
    return Registration(**{**plain, **times})
