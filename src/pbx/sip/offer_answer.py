"""Offers inside an established call: re-INVITE and UPDATE, both ways, one at a time (RFC 3261 §14, 3264, 3311)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.sip import headers
from pbx.sip.address import Address
from pbx.sip.client_transaction import ClientTransaction
from pbx.sip.confirmation import UnconfirmedAnswer
from pbx.sip.dialog_request import MAX_ATTEMPTS
from pbx.sip.message import Request, Response
from pbx.sip.render import MAX_FORWARDS, header_lines
from pbx.sip.server_transaction import ServerInvite, ServerTransaction
from pbx.sip.session_timer import refuse_interval
from pbx.sip.timers import Timer

if TYPE_CHECKING:
    from pbx.sip.session import InviteSession

MAX_GLARES = 5  # 491 in a row before we tell the application


class OfferAnswer:
    """The state of the media negotiation of one session. Ours waits while another exchange is under way."""

    __slots__ = (
        "_ack",
        "_asked",
        "_asked_cseq",
        "_asked_sdp",
        "_attempts",
        "_confirmation",
        "_glares",
        "_offer",
        "_retry",
        "_sent",
        "_session",
        "_waiting",
    )

    def __init__(self, session: InviteSession) -> None:
        self._session = session
        self._offer = b""  # what our re-INVITE bears, or bore when it met a 491
        self._waiting: bytes | None = None  # an offer of ours that has to wait; a newer one takes its place
        self._sent: ClientTransaction | None = None
        self._ack: tuple[Address, bytes] | None = None
        self._attempts = 0
        self._glares = 0
        self._retry: Timer | None = None
        self._asked: ServerTransaction | None = None  # the peer's offer, not answered yet
        self._asked_cseq = 0
        self._asked_sdp: bytes | None = None
        self._confirmation: UnconfirmedAnswer | None = None

    @property
    def _is_idle(self) -> bool:
        return (
            self._session.may_offer
            and self._sent is None
            and self._asked is None
            and self._confirmation is None
            and self._retry is None
        )

    # --- ours ------------------------------------------------------------------------------------------------------

    def offer(self, sdp: bytes) -> None:
        """Send an offer as soon as nothing else is under way."""
        if self._is_idle:
            self._glares = 0
            self._attempts = 0
            self._send(sdp)
        else:
            self._waiting = sdp

    def refresh(self) -> None:
        """Offer what is agreed once more, unless an exchange is under way."""
        if self._is_idle and self._session.local_sdp:
            self.offer(self._session.local_sdp)

    def proceed(self) -> None:
        """Something ended: what waited may go."""
        if self._waiting is not None and self._is_idle:
            sdp, self._waiting = self._waiting, None
            self.offer(sdp)

    def _send(self, sdp: bytes) -> None:
        self._offer = sdp
        self._attempts += 1
        session = self._session
        lines = MAX_FORWARDS + session.media_lines(sdp)
        if session.is_established:
            self._sent = session.send_request("INVITE", lines + session.timer.asked_lines(), sdp, self)
        else:
            self._sent = session.send_request("UPDATE", lines, sdp, self)

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        status = response.status
        if status < 200:
            return
        if status < 300:
            self._accepted(transaction, response)
            return
        self._sent = None
        session = self._session
        if session.is_ended:
            return
        if self._attempts < MAX_ATTEMPTS and self._is_worth_repeating(response):
            self._send(self._offer)
        elif status == 491 and self._glares < MAX_GLARES:
            self._wait_after_glare()
        elif status == 500 and "retry-after" in response.fields and self._glares < MAX_GLARES:
            self._wait(min(10, max(0, headers.number(response.get("retry-after")))))
        elif status in (408, 481) and session.is_established:
            session.is_lost()
        else:
            session.listener.reinvited(session, status, None)
            self.proceed()

    def _is_worth_repeating(self, response: Response) -> bool:
        session = self._session
        return session.learns(response, self._attempts == 1) or session.timer.is_too_small(response)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        self._sent = None
        if self._session.is_ended:
            return
        if status == 408 and self._session.is_established:
            self._session.is_lost()
        else:
            self._session.listener.reinvited(self._session, status, None)
            self.proceed()

    def _accepted(self, transaction: ClientTransaction, response: Response) -> None:
        """A 2xx: ACK it, also when it comes again and when the call has ended meanwhile."""
        session = self._session
        if self._sent is not transaction:
            if self._ack is not None:
                session.layer.send(*self._ack)
            return
        self._sent = None
        dialog = session.dialog
        dialog.refresh(response)
        if transaction.outgoing.method == "INVITE":
            lines = MAX_FORWARDS + header_lines(session.credentials("ACK", dialog.remote_target))
            ack = dialog.request("ACK", lines, b"", transaction.outgoing.cseq)
            self._ack = session.layer.send_ack(ack, dialog.destination)
            session.timer.is_answered(response, session.layer.timers.now)
        if session.is_ended:
            return
        session.local_sdp = self._offer
        session.remote_sdp = response.sdp or session.remote_sdp
        session.listener.reinvited(session, response.status, response.sdp)
        self.proceed()

    def _wait_after_glare(self) -> None:
        """491: the owner of the Call-ID waits 2.1–4 s, the other 0–2 s, in steps of 10 ms (RFC 3261 §14.1)."""
        low, high = (2.1, 4.0) if self._session.role == "uac" else (0.0, 2.0)
        self._wait(round(self._session.layer.uniform(low, high), 2))

    def _wait(self, delay: float) -> None:
        self._glares += 1
        self._retry = self._session.layer.timers.start(delay, self._again)

    def _again(self) -> None:
        self._retry = None
        if self._waiting is not None:  # a newer one is there
            self.proceed()
        elif self._is_idle:
            self._attempts = 0
            self._send(self._offer)
        elif not self._session.is_ended:
            self._waiting = self._offer

    # --- the peer's ------------------------------------------------------------------------------------------------

    def receive_change(self, request: Request, transaction: ServerTransaction) -> None:
        """A re-INVITE or an UPDATE; one without an SDP only refreshes (RFC 4028 §7.4) and moves the Contact."""
        session = self._session
        if refuse_interval(request, transaction):
            return
        if request.method == "INVITE" or request.sdp is not None:
            self.receive(request, transaction)
            return
        session.dialog.refresh(request)
        lines = session.media_lines(None)
        if session.is_established:
            session.timer.is_asked(request)
            lines += session.timer.answer_lines(session.layer.timers.now)
        transaction.respond_lines(200, "", lines, b"")

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """A re-INVITE, or an UPDATE or PRACK with an offer; before the answer no re-INVITE (RFC 3261 §14.2)."""
        session = self._session
        agreed = session.is_agreed_early and request.method != "INVITE"
        if self._asked is not None or (session.is_early_uas and not agreed):
            wait = str(int(session.layer.uniform(0, 10.99)))
            transaction.respond(500, "", [("Retry-After", wait)])
        elif self._sent is not None or self._confirmation is not None or not (session.is_established or agreed):
            transaction.respond(491)
        else:
            self._asked = transaction
            self._asked_cseq = request.cseq
            self._asked_sdp = request.sdp
            transaction.user = self
            session.dialog.refresh(request)
            if request.method != "PRACK":
                session.timer.is_asked(request)
            session.listener.offered(session, request, request.sdp)

    def answer(self, sdp: bytes) -> None:
        """Accept the offer that is open; nothing when there is none (it was cancelled meanwhile)."""
        transaction, self._asked = self._asked, None
        if transaction is None:
            return
        session = self._session
        session.local_sdp = sdp
        if self._asked_sdp is not None:
            session.remote_sdp = self._asked_sdp
        lines = session.media_lines(sdp)
        if session.is_established:
            lines += session.timer.answer_lines(session.layer.timers.now)
        if isinstance(transaction, ServerInvite):
            data = transaction.send_2xx(200, lines, sdp)
            self._confirmation = UnconfirmedAnswer(
                session.layer,
                transaction,
                data,
                cseq=self._asked_cseq,
                wants_answer=self._asked_sdp is None,
                lost=session.ack_lost,
            )
        else:
            transaction.respond_lines(200, "", lines, sdp)
            self.proceed()
        self._asked_sdp = None

    def refuse(self, status: int, reason: str) -> None:
        """Refuse the offer that is open: the media stays as it is."""
        transaction, self._asked = self._asked, None
        self._asked_sdp = None
        if transaction is not None:
            transaction.respond(status, reason)
            self.proceed()

    def cancelled(self, request: Request) -> None:
        """The peer took its re-INVITE back."""
        self.refuse(487, "")

    def receive_ack(self, request: Request) -> None:
        confirmation = self._confirmation
        if confirmation is not None and request.cseq == confirmation.cseq:
            confirmation.stop()
            self._confirmation = None
            if confirmation.wants_answer and request.sdp is not None:
                self._session.remote_sdp = request.sdp
                self._session.listener.agreed(self._session, request.sdp)
            self.proceed()

    def stop(self) -> None:
        """The call is over."""
        self._waiting = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._confirmation is not None:
            self._confirmation.stop()
            self._confirmation = None
        if self._asked is not None:
            self._asked.respond(487)
            self._asked = None
