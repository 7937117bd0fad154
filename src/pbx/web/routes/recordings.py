"""Recordings of calls: which there are, their sound for whose role hears them, and what the law asks for.

Whoever listens is written down in the store before the first byte leaves (`/recordings/{recording}/history`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from pbx.store import recordings as stored
from pbx.web.access import Token
from pbx.web.documents import (
    Erased,
    Erasure,
    Export,
    Id,
    Peaks,
    Reason,
    RecordingDocument,
    RecordingDone,
    RecordingHistory,
    Recordings,
)
from pbx.web.link import Away, Refused
from pbx.web.problems import Problem, responses
from pbx.web.routes.records import Moment, behind, cursor_of, milliseconds
from pbx.web.service import SOON, Needs, Ours, Service

router = APIRouter(prefix="/recordings", tags=["recordings"])
Reads = Annotated[Token, Depends(Needs("recordings:read"))]
Hears = Annotated[Token, Depends(Needs("recordings:listen"))]
Manages = Annotated[Token, Depends(Needs("recordings:manage"))]
Number = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]
RecordingId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_SOUND: dict[int | str, dict[str, Any]] = {
    200: {"content": {"audio/wav": _BINARY}},
    206: {"description": "A part of it", "content": {"audio/wav": _BINARY}},
    416: {"description": "No such part"},
}
_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": _BINARY}}}


@router.get("", responses=responses(400, 403, 404, 422, 503))
async def list_recordings(
    service: Ours,
    token: Reads,
    since: Moment = None,
    until: Moment = None,
    number: Annotated[Number, Query(description="Of either side.")] = None,
    user: Id | None = None,
    policy: Id | None = None,
    call: Id | None = None,
    held: bool | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Recordings:
    """The newest first; every filter is an exact match. A token of role `user` finds those in which its person took
    part, and those that the person's role hears."""
    person = user or token.user
    if person is not None and not token.is_for(person):
        raise Problem(403, f"the token is for {token.user} alone")
    wanted = stored.Wanted(
        tenant=token.tenant,
        since=milliseconds(since),
        until=milliseconds(until),
        number=number,
        policy=policy,
        call=call,
        person=person,
        or_of=service.tokens.policies_heard(token) if user is None and token.user is not None else (),
        held=held,
        after=behind(cursor) if cursor else None,
    )
    rows = await service.read(lambda db: stored.find(db, wanted, most=limit + 1))
    more = rows[limit - 1] if len(rows) > limit else None
    return Recordings(
        recordings=[_document(service, token, row) for row in rows[:limit]], next=cursor_of(more) if more else None
    )


@router.get("/history", responses=responses(403, 422, 503))
async def read_history(
    service: Ours, token: Manages, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> RecordingHistory:
    """What was done with recordings, and by whom, the newest first; those that are gone are among them."""
    rows = await service.read(lambda db: stored.events(db, token.tenant, None, most=limit))
    return RecordingHistory(events=[RecordingDone.of(row) for row in rows])


@router.get("/{recording}", responses=responses(403, 404, 422, 503))
async def get_recording(service: Ours, token: Reads, recording: RecordingId) -> RecordingDocument:
    """One of them."""
    return _document(service, token, await _one(service, token, recording))


@router.get("/{recording}/sound", responses={**responses(403, 404, 422, 503), **_SOUND}, response_class=Response)
async def get_recording_sound(request: Request, service: Ours, token: Hears, recording: RecordingId) -> Response:
    """A WAV file: left who called, right who was called; parts by `Range` (RFC 9110 §14), for a player that seeks."""
    row = await _heard(service, token, recording)
    _audited(request, recording=recording, call=row["call_id"])
    size = row["sound_size"]
    headers = {"Accept-Ranges": "bytes"}
    part = _part(request.headers.get("range"), size)
    if part is not None and part[0] >= part[1]:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    first, end = part or (0, size)
    _, pieces = await _streamed(service, "sound", request, token, recording=recording, first=first, end=end)
    headers["Content-Length"] = str(end - first)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    return StreamingResponse(pieces, 206 if part is not None else 200, media_type="audio/wav", headers=headers)


@router.get("/{recording}/peaks", responses=responses(403, 404, 422, 503))
async def get_recording_peaks(service: Ours, token: Hears, recording: RecordingId) -> Peaks:
    """The shape of its sound, as `audiowaveform` writes it (version 2): what players draw."""
    row = await _heard(service, token, recording, peaks=True)
    if not row["peaks"]:
        raise Problem(404, "its sound has no shape that could be drawn")
    return Peaks(**row["peaks"])


@router.get("/{recording}/history", responses=responses(403, 404, 422, 503))
async def get_recording_history(
    service: Ours, token: Manages, recording: RecordingId, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> RecordingHistory:
    """Who heard it, exported it, held it; also of one that is gone."""
    rows = await service.read(lambda db: stored.events(db, token.tenant, recording, most=limit))
    if not rows:
        raise Problem(404, "there is and was no such recording")
    return RecordingHistory(events=[RecordingDone.of(row) for row in rows])


@router.put("/{recording}/hold", responses=responses(400, 403, 404, 413, 422, 503))
async def hold_recording(
    request: Request, service: Ours, token: Manages, recording: RecordingId, why: Reason
) -> RecordingDocument:
    """Neither its time nor an erasure ends it until it is released."""
    request.state.what = {"recording": recording, "reason": why.reason}
    await _asked(service, "hold", request, token, recording=recording, reason=why.reason)
    return _document(service, token, await _one(service, token, recording))


@router.delete("/{recording}/hold", responses=responses(403, 404, 422, 503))
async def release_recording(
    request: Request, service: Ours, token: Manages, recording: RecordingId
) -> RecordingDocument:
    """Held no longer: one that is past its time goes within a second."""
    request.state.what = {"recording": recording}
    row = await _one(service, token, recording)
    await _asked(service, "release", request, token, recording=recording)
    return _document(service, token, {**row, "held_at": None, "held_by": None, "held_for": None})


@router.post("/erase", responses=responses(400, 403, 413, 422, 503))
async def erase_number(request: Request, service: Ours, token: Manages, wanted: Erasure) -> Erased:
    """All recordings with this number on either side: heard by nobody from now on, gone within moments. Those that
    are held stay."""
    request.state.what = {"reason": wanted.reason}  # not the number: it is to be forgotten
    done = await _asked(service, "erase", request, token, number=wanted.number, reason=wanted.reason)
    request.state.what |= {"erasing": len(done["erasing"]), "held": len(done["held"])}
    return Erased(erasing=done["erasing"], held=done["held"])


@router.post("/export", responses={**responses(400, 403, 404, 413, 422, 503), **_ZIP}, response_class=Response)
async def export_recordings(request: Request, service: Ours, token: Manages, wanted: Export) -> Response:
    """A ZIP file with the sound of each and `manifest.json`: SHA-256, who and when. Only what the token may hear."""
    if "recordings:listen" not in token.scopes:
        raise Problem(403, "the token has no scope recordings:listen")
    for recording in wanted.recordings:
        await _heard(service, token, recording)
    request.state.what = {"recordings": wanted.recordings}
    _, pieces = await _streamed(service, "export", request, token, recordings=wanted.recordings)
    headers = {"Content-Disposition": 'attachment; filename="recordings.zip"'}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def _document(service: Service, token: Token, row: dict[str, Any]) -> RecordingDocument:
    return RecordingDocument.of(row, may_hear=_may_hear(service, token, row))


def _may_hear(service: Service, token: Token, row: dict[str, Any]) -> bool:
    return "recordings:listen" in token.scopes and service.tokens.may_hear(token, row["policy"], row["listen"])


async def _one(service: Service, token: Token, recording: str, *, peaks: bool = False) -> dict[str, Any]:
    """One that the token may know of. Raises Problem."""
    row = await service.read(lambda db: stored.one(db, token.tenant, recording, peaks=peaks))
    if row is None or not (token.user is None or token.user in row["people"] or _may_hear(service, token, row)):
        raise Problem(404, "there is no such recording")
    return row


async def _heard(service: Service, token: Token, recording: str, *, peaks: bool = False) -> dict[str, Any]:
    """One that the token may hear. Raises Problem."""
    row = await _one(service, token, recording, peaks=peaks)
    if not _may_hear(service, token, row):
        has = f"its role {token.hears} does not" if token.hears else "and the token has no role that could"
        raise Problem(403, f"recordings of {row['policy'] or 'rooms'} are heard by the roles of `listen`: {has}")
    return row


def _audited(request: Request, **what: Any) -> None:
    request.state.audited = True
    request.state.what = what


def _by(request: Request, token: Token) -> dict[str, str]:
    address = request.client.host if request.client else ""
    author = f"api {token.id}" + (f" ({token.user})" if token.user else "")
    return {"author": author, "role": token.hears or token.role, "address": address}


async def _asked(service: Service, command: str, request: Request, token: Token, **more: Any) -> dict[str, Any]:
    try:
        return await service.keeper.ask(command, tenant=token.tenant, by=_by(request, token), **more)
    except (Away, Refused) as error:
        raise _problem(error) from None


async def _streamed(
    service: Service, command: str, request: Request, token: Token, **more: Any
) -> tuple[dict[str, Any], AsyncIterator[bytes]]:
    try:
        return await service.keeper.stream(command, tenant=token.tenant, by=_by(request, token), **more)
    except (Away, Refused) as error:
        raise _problem(error) from None


def _problem(error: Away | Refused) -> Problem:
    status = error.status if isinstance(error, Refused) else 503
    return Problem(status, str(error), SOON if status == 503 else None)


def _part(asked: str | None, size: int) -> tuple[int, int] | None:
    """The range that is asked for, as first and end; None when all is, or what is asked for is no such range."""
    match = _RANGE.fullmatch(asked or "")
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    begin = int(first) if first else max(0, size - int(last))
    return begin, min(int(last) + 1, size) if first and last else size
