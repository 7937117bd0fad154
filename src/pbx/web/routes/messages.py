"""Voicemail: who has which messages, their sound, saved or deleted. A token of role `user` has its own boxes only.

Listening is in the audit log, each time.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from pbx.media import wav_file
from pbx.web.access import Token
from pbx.web.documents import Draft, Id, MessageState, VoiceMessage, VoiceMessages
from pbx.web.problems import Problem, responses
from pbx.web.service import SOON, Needs, Ours, Service

router = APIRouter(prefix="/messages", tags=["messages"])
Reads = Annotated[Token, Depends(Needs("messages:read"))]
Writes = Annotated[Token, Depends(Needs("messages:write"))]
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_SOUND: dict[int | str, dict[str, Any]] = {
    200: {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "A part of it", "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}},
    416: {"description": "No such part"},
}


@router.get("", responses=responses(403, 404, 422, 503))
async def list_messages(
    service: Ours, token: Reads, box: Annotated[Id | None, Query(description="Of this box alone.")] = None
) -> VoiceMessages:
    """New and saved ones, the newest first."""
    found = [one for one in await _all(service, token) if box in (None, one["box"])]
    return VoiceMessages(messages=[VoiceMessage.of(one) for one in reversed(found)])


@router.get("/{message}", responses=responses(403, 404, 422, 503))
async def get_message(service: Ours, token: Reads, message: Id) -> VoiceMessage:
    """One of them."""
    return VoiceMessage.of(await _one(service, token, message))


@router.get("/{message}/sound", responses={**responses(403, 404, 422, 503), **_SOUND}, response_class=Response)
async def get_sound(request: Request, service: Ours, token: Reads, message: Id) -> Response:
    """As a WAV file of A-law, 8 kHz; parts by `Range` (RFC 9110 §14), for a player that seeks."""
    found = await _one(service, token, message)
    request.state.audited = True
    request.state.what = {"message": message, "box": found["box"]}
    sound = await service.sound(message)
    if sound is None:
        raise Problem(503, "its sound is not in the store yet, or cannot be read with the key of this host", SOON)
    return part_of(wav_file.of_alaw(sound), request.headers.get("range"))


@router.get("/{message}/text", responses=responses(403, 404, 422, 503))
async def get_text(request: Request, service: Ours, token: Reads, message: Id) -> Draft:
    """A draft of what was said, made by a machine; 404 as long as there is none. In the audit log as listening is."""
    found = await _one(service, token, message)
    request.state.audited = True
    request.state.what = {"message": message, "box": found["box"], "text": True}
    text = await service.text(message)
    if text is None:
        raise Problem(404, "there is no draft of this message")
    return Draft(message=message, text=text)


@router.put("/{message}", responses=responses(400, 403, 404, 413, 422, 503))
async def put_message(
    request: Request, service: Ours, token: Writes, message: Id, wanted: MessageState
) -> VoiceMessage:
    """It is new, or saved, from now on; lamps of telephones follow."""
    request.state.what = {"message": message, "state": wanted.state}
    await _one(service, token, message)
    await _mark(service, token, message, wanted.state)
    return VoiceMessage.of(await _one(service, token, message))


@router.delete("/{message}", status_code=204, responses=responses(403, 404, 422, 503))
async def delete_message(request: Request, service: Ours, token: Writes, message: Id) -> None:
    """It is gone for everybody; a day later from the store, too."""
    request.state.what = {"message": message}
    await _one(service, token, message)
    await _mark(service, token, message, "deleted")


async def _all(service: Service, token: Token) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.ask(token, "messages"))["messages"]
    return [one for one in found if any(map(token.is_for, one["users"]))]


async def _one(service: Service, token: Token, message: str) -> dict[str, Any]:
    for one in await _all(service, token):
        if one["message"] == message:
            return one
    raise Problem(404, "there is no such message")


async def _mark(service: Service, token: Token, message: str, state: str) -> None:
    await service.ask(token, "message", message=message, state=state, author=f"api {token.id}")


def part_of(whole: bytes, asked: str | None) -> Response:
    """All of it, or the one range that was asked for; what is no such range is passed over."""
    headers = {"Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(asked or "")
    if match is None or match[0] == "bytes=-":
        return Response(whole, media_type="audio/wav", headers=headers)
    first, last = match.groups()
    begin = int(first) if first else max(0, len(whole) - int(last))
    end = min(int(last), len(whole) - 1) if first and last else len(whole) - 1
    if begin > end:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(whole)}"})
    headers["Content-Range"] = f"bytes {begin}-{end}/{len(whole)}"
    return Response(whole[begin : end + 1], 206, media_type="audio/wav", headers=headers)
