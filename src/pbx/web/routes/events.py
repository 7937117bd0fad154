"""What happens, as it happens: server-sent events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from starlette.types import Receive, Scope, Send

from pbx.web.access import Token
from pbx.web.feed import EventStream
from pbx.web.problems import Problem, responses
from pbx.web.service import Needs, Ours, Service

router = APIRouter(prefix="/events", tags=["events"])
MOST_STREAMS = 20  # of one token at once
EXAMPLE = 'id: 019f3c-17\nevent: call.joined\ndata: {"at":"…","event":"call.joined","call":"…","user":"petrova"}\n\n'
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Frames of server-sent events until either side closes; `reset`: read /calls anew.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}


class _Counted(EventStream):
    def __init__(self, service: Service, token: Token, last_id: str | None) -> None:
        super().__init__(service.feed, token, last_id, service.tokens.holds)
        self._streams, self._name = service.streams, token.name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams[self._name] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams[self._name] -= 1


@router.get("", status_code=200, response_class=EventStream, responses={**STREAM, **responses(403, 422)})
async def read_events(
    service: Ours,
    token: Annotated[Token, Depends(Needs("events:read"))],
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> EventStream:
    """The calls of the tenant; a token of role `user` is told of its own. With `Last-Event-ID` the stream goes on
    behind that event; when it is not kept any more, the first event is `reset`."""
    if service.streams[token.name] >= MOST_STREAMS:
        raise Problem(429, f"a token has {MOST_STREAMS} streams at most", {"Retry-After": "5"})
    return _Counted(service, token, last_event_id)
