"""A request inside a dialog that changes no media (BYE, INFO, UPDATE …), repeated with credentials when challenged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pbx.sip.client_transaction import ClientTransaction
from pbx.sip.message import Response

if TYPE_CHECKING:
    from pbx.sip.session import InviteSession

Done = Callable[[int, Response | None], None]
MAX_ATTEMPTS = 4  # a request, and its repeats for a proxy, a registrar and a stale nonce


class DialogRequest:
    """Sends the request and calls `done` with its final status (408 and 503 also for none) and response."""

    __slots__ = ("_attempts", "_body", "_done", "_lines", "_method", "_session")

    def __init__(
        self,
        session: InviteSession,
        method: str,
        lines: str,
        body: bytes,
        done: Done | None,
    ) -> None:
        self._session = session
        self._method = method
        self._lines = lines
        self._body = body
        self._done = done
        self._attempts = 0
        self._send()

    def _send(self) -> None:
        self._attempts += 1
        self._session.send_request(self._method, self._lines, self._body, self)

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        status = response.status
        if status < 200:
            return
        if self._attempts < MAX_ATTEMPTS and self._session.learns(response, self._attempts == 1):
            self._send()
        elif self._done is not None:
            self._done(status, response)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        if self._done is not None:
            self._done(status, None)
