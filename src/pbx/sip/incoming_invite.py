"""The INVITE that a call came with, until it is answered and the answer confirmed (RFC 3261 §13.3, §9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.sip.confirmation import UnconfirmedAnswer
from pbx.sip.message import Request
from pbx.sip.render import Headers, header_lines, record_route_lines
from pbx.sip.server_transaction import ServerInvite
from pbx.sip.timers import Timer

if TYPE_CHECKING:
    from pbx.sip.session import InviteSession

REPEAT_PROVISIONAL = 60.0  # seconds (§13.3.1.1): proxies on the way give up after three minutes of silence


class IncomingInvite:
    """What a uas session does before it is established. After a final response all its verbs do nothing."""

    __slots__ = ("_confirmation", "_cseq", "_has_offer", "_repeat", "_routes", "_session", "_transaction")

    def __init__(self, session: InviteSession, request: Request, transaction: ServerInvite) -> None:
        self._session = session
        self._transaction = transaction
        self._routes = record_route_lines(request)
        self._cseq = request.cseq
        self._has_offer = request.sdp is not None
        self._confirmation: UnconfirmedAnswer | None = None
        self._repeat: Timer | None = None
        transaction.user = self

    @property
    def is_answered(self) -> bool:
        return self._transaction.is_answered

    def provisional(self, status: int, reason: str, sdp: bytes | None, headers: Headers) -> None:
        if not 100 <= status < 200:
            raise ValueError(f"{status} is no provisional response")
        if self.is_answered:
            return
        lines = header_lines(headers)
        if status > 100:
            lines = self._routes + self._session.media_lines(sdp) + lines
            self._stop_repeat()
            self._repeat = self._session.layer.timers.start(REPEAT_PROVISIONAL, self._again)
        if sdp is not None:
            self._session.local_sdp = sdp
        self._transaction.respond_lines(status, reason, lines, sdp or b"")

    def _again(self) -> None:
        self._transaction.receive_again()
        self._repeat = self._session.layer.timers.start(REPEAT_PROVISIONAL, self._again)

    def _stop_repeat(self) -> None:
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None

    def accept(self, sdp: bytes, headers: Headers) -> None:
        if self.is_answered:
            return
        self._stop_repeat()
        session = self._session
        session.local_sdp = sdp
        lines = self._routes + session.media_lines(sdp) + header_lines(headers)
        data = self._transaction.send_2xx(200, lines, sdp)
        self._routes = ""
        self._confirmation = UnconfirmedAnswer(
            session.layer,
            self._transaction,
            data,
            cseq=self._cseq,
            wants_answer=not self._has_offer,
            lost=session.ack_lost,
        )

    def reject(self, status: int, reason: str, headers: Headers) -> None:
        if not 300 <= status < 700:
            raise ValueError(f"{status} is no refusal")
        self._stop_repeat()
        self._transaction.respond(status, reason, headers)

    def cancelled(self, request: Request) -> None:
        self.reject(487, "", ())
        self._session.is_over(request, "cancel")

    def receive_ack(self, request: Request) -> bool:
        """True when this is the ACK that was waited for."""
        confirmation = self._confirmation
        if confirmation is None or request.cseq != confirmation.cseq:
            return False
        confirmation.stop()
        return True

    @property
    def waits_for_answer(self) -> bool:
        """Our 2xx holds an offer (the INVITE had none): the ACK brings the answer."""
        return self._confirmation is not None and self._confirmation.wants_answer

    def stop(self) -> None:
        """The call is over: no more repetitions; an INVITE without a final response gets a 487."""
        self._stop_repeat()
        if self._confirmation is not None:
            self._confirmation.stop()
        self._transaction.respond(487)
        self._transaction.user = None
