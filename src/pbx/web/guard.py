"""Around every request: bodies have a bound, answers the headers of security, and what writes is in the audit log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pbx.web.audit import AuditLog
from pbx.web.documents import moment
from pbx.web.problems import answer

MOST_BYTES = 64 * 1024  # of a body
READING = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",  # browsers heed it over TLS only
}


class TooLarge(HTTPException):
    """The body goes on and on. The framework hands this kind on, others it takes for a body that is no JSON."""

    def __init__(self) -> None:
        super().__init__(413, f"a body has {MOST_BYTES} bytes at most")


class Guard:
    """An ASGI application around another one. `what` of the request's state is what the audit log tells of it."""

    def __init__(self, app: ASGIApp, audit: AuditLog, clock: Callable[[], float] = time.time) -> None:
        self._app, self._audit, self._clock = app, audit, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MOST_BYTES:
                raise TooLarge()
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["method"] not in READING or state.get("audited"):
                    self._tell(scope, state, message["status"])
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            await answer(413, TooLarge().detail)(scope, receive, guarded)
            return
        await self._app(scope, bounded, guarded)

    def _tell(self, scope: Scope, state: dict[str, Any], status: int) -> None:
        token = state.get("token")
        self._audit.write(
            at=moment(int(self._clock() * 1000)),
            tenant=token.tenant if token is not None else "",
            token=token.id if token is not None else "",
            role=token.role if token is not None else "",
            address=(scope.get("client") or ("",))[0],
            method=scope["method"],
            path=scope["path"],
            status=status,
            what=state.get("what", {}),
        )
