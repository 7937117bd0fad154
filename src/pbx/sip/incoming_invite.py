"""The INVITE that a call came with, until it is answered and the answer confirmed (RFC 3261 §13.3, §9.2, RFC 3262)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbx.sip import headers as fields
from pbx.sip.confirmation import UnconfirmedAnswer
from pbx.sip.message import Request
from pbx.sip.reliable import RSEQ_LIMIT, ReliableProvisionals
from pbx.sip.render import Headers, header_lines, record_route_lines
from pbx.sip.server_transaction import ServerInvite, ServerTransaction
from pbx.sip.timers import Timer
from pbx.sip.transaction_layer import TransactionLayer

if TYPE_CHECKING:
    from pbx.sip.session import InviteSession

REPEAT_PROVISIONAL = 60.0  # seconds (§13.3.1.1): proxies on the way give up after three minutes of silence


class IncomingInvite:
    """What a uas session does before it is established. After a final response all its verbs do nothing.

    A provisional response is sent reliably to a peer that requires it, and to one that supports it as soon as it bears
    an SDP: then the exchange is complete before the answer, and the 2xx bears none. To a peer that left the offer to us
    and cannot confirm, a provisional response brings no SDP: it could not be answered.
    """

    __slots__ = (
        "_confirmation",
        "_due",
        "_has_offer",
        "_knows_100rel",
        "_last",
        "_reliable",
        "_repeat",
        "_routes",
        "_session",
        "_transaction",
        "_wants_100rel",
        "cseq",
    )

    def __init__(self, session: InviteSession, request: Request, transaction: ServerInvite) -> None:
        self._session = session
        self._transaction = transaction
        self._routes = record_route_lines(request)
        self.cseq = request.cseq
        self._has_offer = request.sdp is not None
        self._wants_100rel = fields.has_tag(request.fields.get("require"), "100rel")
        self._knows_100rel = fields.has_tag(request.fields.get("supported"), "100rel")
        self._reliable: ReliableProvisionals | None = None
        self._due: tuple[bytes, Headers] | None = None  # an answer that waits for a PRACK
        self._last = (180, "")
        self._confirmation: UnconfirmedAnswer | None = None
        self._repeat: Timer | None = None
        transaction.user = self

    @property
    def layer(self) -> TransactionLayer:
        return self._session.layer

    @property
    def is_answered(self) -> bool:
        return self._transaction.is_answered

    def snapshot(self) -> dict[str, Any]:
        """The INVITE that is not answered yet, as plain values: what came, and what of it has been confirmed."""
        request = self._transaction.request
        return {
            "raw": "" if request is None else request.raw.decode("latin-1"),
            "is_agreed_early": self._session.is_agreed_early,
            "reliable": None if self._reliable is None else self._reliable.snapshot(),
        }

    def resume(self, kept: Mapping[str, Any]) -> None:
        """Go on where another process was with the same INVITE."""
        self._session.is_agreed_early = kept["is_agreed_early"]
        reliable = kept["reliable"]
        if reliable is not None:
            self._reliable = ReliableProvisionals(self, self._transaction, reliable["rseq"] + 1)
            self._reliable.sdp_was_sent = reliable["sdp_was_sent"]

    # --- provisional responses -------------------------------------------------------------------------------------

    def provisional(self, status: int, reason: str, sdp: bytes | None, headers: Headers) -> None:
        if not 100 <= status < 200:
            raise ValueError(f"{status} is no provisional response")
        if self.is_answered or self._due is not None:
            return
        if status == 100:
            self._transaction.respond_lines(status, reason, header_lines(headers), b"")
            return
        self._last = status, reason
        reliable = self._wants_100rel or (self._knows_100rel and (sdp is not None or self._reliable is not None))
        if (self._reliable is not None and self._reliable.sdp_was_sent) or not (reliable or self._has_offer):
            sdp = None
        if sdp is not None:
            self._session.local_sdp = sdp
        lines = self._routes + self._session.media_lines(sdp) + header_lines(headers)
        if reliable:
            self._reliably().send(status, reason, lines, sdp or b"")
        else:
            self._transaction.respond_lines(status, reason, lines, sdp or b"")
        self._stop_repeat()
        self._repeat = self.layer.timers.start(REPEAT_PROVISIONAL, self._again)

    def _reliably(self) -> ReliableProvisionals:
        if self._reliable is None:
            self._reliable = ReliableProvisionals(self, self._transaction, int(self.layer.uniform(1, RSEQ_LIMIT)))
        return self._reliable

    def _again(self) -> None:
        if self._reliable is not None:  # each has a number of its own
            self.provisional(*self._last, None, ())
            return
        self._transaction.receive_again()
        self._repeat = self.layer.timers.start(REPEAT_PROVISIONAL, self._again)

    def _stop_repeat(self) -> None:
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None

    def receive_prack(self, request: Request, transaction: ServerTransaction) -> None:
        """A PRACK: it confirms the response that is open, and may bear the answer to our offer, or a new offer."""
        reliable = self._reliable
        if reliable is None or not reliable.is_of(request):
            transaction.respond(481)
            return
        session = self._session
        settles = reliable.sdp_was_sent and not session.is_agreed_early
        if settles and not self._has_offer and request.sdp is None:
            transaction.respond(400, "The Answer Is Missing")  # it stays open: RFC 3262 §5
            return
        if settles:
            session.is_agreed_early = True
        if settles and not self._has_offer:
            session.remote_sdp = request.sdp
            transaction.respond(200)
            session.listener.agreed(session, request.sdp or b"")
        elif request.sdp is not None:
            session.receive_offer(request, transaction)
        else:
            transaction.respond(200)
        reliable.confirm()
        if self._due is not None and not reliable.holds_back_answer:
            due, self._due = self._due, None
            self.accept(*due)

    def unconfirmed(self) -> None:
        """No PRACK in 64·T1: the INVITE is refused (RFC 3262 §3)."""
        listener = self._session.listener
        self._session.reject(504, "Provisional Response Not Confirmed")
        listener.ended(self._session, None, "no_prack")

    # --- final responses -------------------------------------------------------------------------------------------

    def accept(self, sdp: bytes, headers: Headers) -> None:
        if self.is_answered:
            return
        self._stop_repeat()
        session, reliable = self._session, self._reliable
        if reliable is not None:
            if reliable.holds_back_answer:
                self._due = sdp, headers
                return
            reliable.stop()
        if session.is_agreed_early:
            sdp = b""
        else:
            session.local_sdp = sdp
        lines = (
            self._routes
            + session.media_lines(sdp)
            + session.timer.answer_lines(self.layer.timers.now)
            + header_lines(headers)
        )
        data = self._transaction.send_2xx(200, lines, sdp)
        self._routes = ""
        session.has_accepted()
        self._confirmation = UnconfirmedAnswer(
            session.layer,
            self._transaction,
            data,
            cseq=self.cseq,
            wants_answer=not self._has_offer and not session.is_agreed_early,
            lost=session.ack_lost,
        )

    def reject(self, status: int, reason: str, headers: Headers) -> None:
        if not 300 <= status < 700:
            raise ValueError(f"{status} is no refusal")
        self._stop_all()
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
        self._stop_all()
        if self._confirmation is not None:
            self._confirmation.stop()
        self._transaction.respond(487)
        self._transaction.user = None

    def _stop_all(self) -> None:
        self._stop_repeat()
        self._due = None
        if self._reliable is not None:
            self._reliable.stop()
