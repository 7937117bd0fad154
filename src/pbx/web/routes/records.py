"""Call data records: search page by page, and one with where it went and why."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BeforeValidator

from pbx.store import recordings
from pbx.store.search import MATCHED, Wanted
from pbx.web.access import Token
from pbx.web.documents import Id, Record, Records, WholeRecord
from pbx.web.problems import Problem, responses
from pbx.web.service import Needs, Ours

router = APIRouter(prefix="/records", tags=["records"])
Reads = Annotated[Token, Depends(Needs("records:read"))]
Text = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _is_text(value: object) -> object:
    if isinstance(value, str) and not RFC3339.match(value):
        raise ValueError("not of RFC 3339, such as 2026-11-28T09:00:00+03:00")
    return value


Moment = Annotated[
    Annotated[AwareDatetime, BeforeValidator(_is_text)] | None, Query(description="RFC 3339, with its offset.")
]


@router.get("", responses=responses(400, 403, 404, 422, 503))
async def search_records(
    service: Ours,
    token: Reads,
    since: Moment = None,
    until: Moment = None,
    direction: Text = None,
    caller: Text = None,
    dialled: Text = None,
    number: Text = None,
    disposition: Text = None,
    user: Id | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Records:
    """Newest first; every filter is an exact match, `user` means a call from or to that person's telephones. A token of
    role `user` finds its own calls only."""
    person = user or token.user
    if person is not None and not token.is_for(person):
        raise Problem(403, f"the token is for {token.user} alone")
    given = dict(zip(MATCHED, (direction, caller, dialled, number, disposition), strict=True))
    wanted = Wanted(
        tenant=token.tenant,
        since=milliseconds(since),
        until=milliseconds(until),
        matches={column: value for column, value in given.items() if value is not None},
        legs=await service.legs_of(token, person) if person is not None else None,
        after=behind(cursor) if cursor else None,
    )
    rows = await service.find(wanted, most=limit + 1)
    more = rows[limit - 1] if len(rows) > limit else None
    heard = await service.read(lambda db: recordings.of_calls(db, [row["id"] for row in rows]))
    return Records(records=[Record.of(row, heard) for row in rows[:limit]], next=cursor_of(more) if more else None)


@router.get("/{record}", responses=responses(403, 404, 422, 503))
async def get_record(service: Ours, token: Reads, record: Id) -> WholeRecord:
    """A call that was, with its path through the model and the reasons."""
    legs = await service.legs_of(token, token.user) if token.user is not None else None
    rows = await service.find(Wanted(tenant=token.tenant, call_id=record, legs=legs), most=1, whole=True)
    if not rows:
        raise Problem(404, "there is no such record")
    found = WholeRecord.of(rows[0], await service.read(lambda db: recordings.of_calls(db, [record])))
    assert isinstance(found, WholeRecord)
    return found


def milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.astimezone(UTC).timestamp() * 1000)


def cursor_of(row: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(f"{row['started']}.{row['id']}".encode()).decode().rstrip("=")


def behind(cursor: str) -> tuple[int, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        started, _, call_id = text.partition(".")
        found = int(started)
    except (ValueError, binascii.Error):
        raise Problem(400, "cursor is not one that `next` gave") from None
    if not -(2**63) <= found < 2**63 or "\x00" in call_id:
        raise Problem(400, "cursor is not one that `next` gave")
    return found, call_id
