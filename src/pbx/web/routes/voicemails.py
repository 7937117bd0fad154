"""The boxes themselves: how full they are, and a new PIN for who has forgotten the old one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from pbx.store import messages
from pbx.web.access import Token
from pbx.web.documents import Box, Boxes, Id, Mail, Mails, NewPin
from pbx.web.problems import Problem, responses
from pbx.web.service import Needs, Ours, Service

router = APIRouter(prefix="/voicemails", tags=["messages"])
Reads = Annotated[Token, Depends(Needs("messages:read"))]
Writes = Annotated[Token, Depends(Needs("messages:write"))]


@router.get("", responses=responses(403, 404, 422, 503))
async def list_voicemails(service: Ours, token: Reads) -> Boxes:
    """The boxes that the token may have to do with."""
    return Boxes(voicemails=[Box(**one) for one in await _boxes(service, token)])


@router.get("/{voicemail}/mails", responses=responses(403, 404, 422, 503))
async def list_mails(service: Ours, token: Reads, voicemail: Id) -> Mails:
    """E-mails of this box that wait for their server, or were given up, the newest first."""
    await _must_be(service, token, voicemail)
    found = await service.read(lambda db: messages.mails(db, token.tenant, voicemail))
    return Mails(mails=[Mail.of(one) for one in found])


@router.put("/{voicemail}/pin", status_code=204, responses=responses(400, 403, 404, 413, 422, 503))
async def put_pin(request: Request, service: Ours, token: Writes, voicemail: Id, wanted: NewPin) -> None:
    """Another PIN, in place of the owner's or the first one; a box that wrong PINs have locked is open again. One that
    is too easy is refused with 422, in words."""
    request.state.what = {"voicemail": voicemail}
    await _must_be(service, token, voicemail)
    await service.ask(token, "pin", voicemail=voicemail, pin=wanted.pin, author=f"api {token.id}")


async def _boxes(service: Service, token: Token) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.ask(token, "voicemails"))["voicemails"]
    return [one for one in found if any(map(token.is_for, one["users"]))]


async def _must_be(service: Service, token: Token, voicemail: str) -> None:
    if voicemail not in {one["voicemail"] for one in await _boxes(service, token)}:
        raise Problem(404, "there is no such box")
