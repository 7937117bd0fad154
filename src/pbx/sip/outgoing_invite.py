"""The INVITE that starts a call from us: its forks, its CANCEL, its challenge (RFC 3261 §13.2, §9.1, RFC 6026)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbx.sip import headers
from pbx.sip.address import Address
from pbx.sip.client_transaction import ClientInvite, ClientTransaction
from pbx.sip.dialog import Dialog
from pbx.sip.dialog_request import MAX_ATTEMPTS
from pbx.sip.message import Response
from pbx.sip.phrases import phrase
from pbx.sip.render import MAX_FORWARDS, Headers, Outgoing, header_lines
from pbx.sip.timers import Timer
from pbx.sip.transaction_state import TIMEOUT

if TYPE_CHECKING:
    from pbx.sip.session import InviteSession
    from pbx.sip.transaction_layer import TransactionLayer


class OutgoingInvite:
    """What a uac session does before it is established, and to late 2xx of other forks after that.

    The transaction holds it for 64·T1 after the first 2xx, so that repeated ones find their ACK.
    """

    __slots__ = (
        "_acks",
        "_attempts",
        "_body",
        "_cancel_headers",
        "_cancel_life",
        "_destination",
        "_due",
        "_forks",
        "_has_progress",
        "_headers",
        "_is_cancelled",
        "_is_decided",
        "_rseqs",
        "_session",
        "_to",
        "_transaction",
        "_uri",
    )

    def __init__(self, session: InviteSession, uri: str, destination: Address, lines: str, body: bytes) -> None:
        self._session = session
        self._uri = uri
        self._to = session.dialog.remote  # without a tag, whatever forks were heard of
        self._destination = destination
        self._headers = lines
        self._body = body
        self._attempts = 0
        self._has_progress = False
        self._is_cancelled = False
        self._is_decided = False  # answered or failed: what still comes is of another fork, or late
        self._cancel_headers: Headers = ()
        self._cancel_life: Timer | None = None
        self._acks: dict[str, tuple[Address, bytes] | None] = {}  # To tag -> ACK; None while it waits for our answer
        self._forks: dict[str, Dialog] | None = None  # early dialogs other than the one heard of last, by To tag
        self._rseqs: dict[str, int] | None = None  # To tag -> the last reliable provisional response (RFC 3262 §4)
        self._due: tuple[Dialog, str] | None = None  # a PRACK that waits for our answer to its response's offer
        self._transaction: ClientTransaction | None = None

    def start(self) -> None:
        self._send()

    def snapshot(self) -> dict[str, Any]:
        """The INVITE as it was sent last, as plain values; None once it is answered."""
        transaction = self._transaction
        assert transaction is not None
        sent = transaction.outgoing
        return {
            "uri": self._uri,
            "to": sent.to,
            "destination": list(transaction.destination),
            "branch": transaction.branch,
            "sent_by": self._session.layer.sent_by,
            "cseq": sent.cseq,
            "lead": sent.lead,
            "lines": sent.headers,
            "headers": self._headers,
            "body": sent.body.decode("latin-1"),
            "attempts": self._attempts,
        }

    def resume(self, kept: Mapping[str, Any]) -> None:
        """Go on with an INVITE that another process sent from here: the same bytes once more, which the peer answers by
        where it stands (RFC 3261 §17.2.1)."""
        self._attempts = kept["attempts"]
        self._transaction = self._session.layer.request(_sent(kept), self._destination, self, branch=kept["branch"])

    def _send(self) -> None:
        self._attempts += 1
        self._has_progress = False
        session = self._session
        dialog = session.dialog
        dialog.local_seq += 1
        lines = header_lines(session.credentials("INVITE", self._uri)) + self._headers + session.timer.asked_lines()
        lead = f"From: {dialog.local}\r\nCall-ID: {dialog.call_id}\r\n"
        outgoing = Outgoing("INVITE", self._uri, lead, self._to, dialog.local_seq, lines, self._body)
        self._transaction = session.layer.request(outgoing, self._destination, self)

    # --- cancelling ------------------------------------------------------------------------------------------------

    def cancel(self, lines: Headers) -> None:
        """Give the call up. CANCEL leaves once a provisional response has come, never before (§9.1)."""
        if self._is_cancelled or self._is_decided:
            return
        self._is_cancelled = True
        self._cancel_headers = tuple(lines)
        if self._has_progress:
            self._send_cancel()

    def _send_cancel(self) -> None:
        if isinstance(self._transaction, ClientInvite) and self._cancel_life is None:
            self._cancel_life = self._session.layer.timers.start(TIMEOUT, self._cancel_unheard)
            self._transaction.cancel(self._cancel_headers, _Ignored())

    def _cancel_unheard(self) -> None:
        """No final response 64·T1 after the CANCEL: the call counts as cancelled (§9.1)."""
        if self._transaction is not None:
            self._transaction.terminate()
        self._fail(487, "", None)

    # --- responses -------------------------------------------------------------------------------------------------

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        if response.status < 200:
            self._progress(response)
        elif response.status < 300:
            self._answer(response)
        else:
            self._refusal(response)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        self._fail(487 if self._is_cancelled else status, "", None)

    def _progress(self, response: Response) -> None:
        self._has_progress = True
        if self._is_cancelled:
            self._send_cancel()
        elif response.status > 100 and response.to_tag:
            session = self._session
            self._turn_to(response)
            session.heard(response)
            sdp = response.sdp
            if "rseq" in response.fields and not self._confirm(response, sdp):
                return
            session.remote_sdp = sdp or session.remote_sdp
            session.listener.progressed(session, response, sdp)

    def _turn_to(self, response: Response) -> None:
        """The session's dialog becomes that of this fork; the others are kept, for their numbers."""
        session, tag = self._session, response.to_tag
        current = session.dialog
        if current.remote_tag == tag:
            return
        known = self._forks.pop(tag, None) if self._forks is not None else None
        if current.remote_tag:
            self._forks = self._forks or {}
            self._forks[current.remote_tag] = current
        session.dialog = known or current.of_response(response, self._destination)

    # --- reliable provisional responses ----------------------------------------------------------------------------

    def _confirm(self, response: Response, sdp: bytes | None) -> bool:
        """Send the PRACK of a reliable response; False for one that came before, or out of order (RFC 3262 §4)."""
        number = headers.number(response.get("rseq"))
        self._rseqs = self._rseqs if self._rseqs is not None else {}
        last = self._rseqs.get(response.to_tag)
        if number < 1 or (last is not None and number != last + 1):
            return False
        self._rseqs[response.to_tag] = number
        session = self._session
        rack = f"RAck: {number} {response.cseq} INVITE\r\n"
        if sdp is not None and not session.is_agreed_early:
            if not self._body:  # its offer: the PRACK waits for our answer
                self._due = session.dialog, rack
                return True
            session.is_agreed_early = True
        self._prack(session.dialog, rack, b"")
        return True

    def _prack(self, dialog: Dialog, rack: str, sdp: bytes) -> None:
        session = self._session
        lines = MAX_FORWARDS + header_lines(session.credentials("PRACK", dialog.remote_target)) + rack
        if sdp:
            lines += "Content-Type: application/sdp\r\n"
        session.layer.request(dialog.request("PRACK", lines, sdp), dialog.destination, _Ignored())

    def answer_early(self, sdp: bytes) -> bool:
        """Answer the offer of a reliable provisional response; False when there is none."""
        if self._due is None:
            return False
        due, self._due = self._due, None
        self._session.local_sdp = sdp
        self._session.is_agreed_early = True
        self._prack(*due, sdp)
        return True

    def _answer(self, response: Response) -> None:
        tag = response.to_tag
        if tag in self._acks:
            packet = self._acks[tag]
            if packet is not None:
                self._session.layer.send(*packet)
        elif self._is_decided or self._is_cancelled:
            self._hang_up_fork(response)
        else:
            self._win(response)

    def _win(self, response: Response) -> None:
        self._is_decided = True
        session = self._session
        self._turn_to(response)
        session.dialog = session.dialog.confirm(response, self._destination)
        self._forks = self._rseqs = None
        session.remote_sdp = response.sdp or session.remote_sdp  # some answer in the 183 and no more
        self._headers = ""
        if self._body or session.is_agreed_early:
            self._body = b""
            self._acks[response.to_tag] = self._ack(session.dialog, b"")
            session.is_answered(response, None)
        else:
            self._acks[response.to_tag] = None
            session.is_answered(response, self)
        session.listener.answered(session, response, response.sdp)
        session.proceed()

    def answer_offer(self, sdp: bytes) -> None:
        """Send the ACK with our answer to the offer of the 2xx (our INVITE had none)."""
        dialog = self._session.dialog
        if self._acks.get(dialog.remote_tag, ()) is None:
            self._session.local_sdp = sdp
            self._acks[dialog.remote_tag] = self._ack(dialog, sdp)

    def _ack(self, dialog: Dialog, sdp: bytes) -> tuple[Address, bytes]:
        """The ACK of a 2xx: the INVITE's CSeq and credentials (§13.2.2.4, §22.1)."""
        transaction = self._transaction
        cseq = transaction.outgoing.cseq if transaction is not None else dialog.local_seq
        lines = MAX_FORWARDS + header_lines(self._session.credentials("ACK", dialog.remote_target))
        if sdp:
            lines += "Content-Type: application/sdp\r\n"
        return self._session.layer.send_ack(dialog.request("ACK", lines, sdp, cseq), dialog.destination)

    def _hang_up_fork(self, response: Response) -> None:
        """A 2xx that nobody wants: of another fork, or one that crossed our CANCEL: ACK it and say BYE."""
        session = self._session
        dialog = session.dialog.of_response(response, self._destination)
        self._acks[response.to_tag] = self._ack(dialog, b"")
        lines = MAX_FORWARDS + header_lines(session.credentials("BYE", dialog.remote_target))
        session.layer.request(dialog.request("BYE", lines), dialog.destination, _Ignored())
        if not self._is_decided:
            self._fail(487, "", response)

    def _refusal(self, response: Response) -> None:
        session = self._session
        if self._is_cancelled and response.status in (401, 407, 422):
            self._fail(487, "", response)
        elif self._attempts < MAX_ATTEMPTS and (
            session.learns(response, first=self._attempts == 1) or session.timer.is_too_small(response)
        ):
            self._send()
        else:
            self._fail(response.status, response.reason, response)

    def _fail(self, status: int, reason: str, response: Response | None) -> None:
        if self._is_decided:
            return
        self._is_decided = True
        if self._cancel_life is not None:
            self._cancel_life.cancel()
        self._session.has_failed(status, reason or phrase(status), response)


def cancel_kept(layer: TransactionLayer, kept: Mapping[str, Any], headers: Headers) -> None:
    """The CANCEL of an INVITE from its snapshot, in the name of whoever sent it (§9.1: the Via must be the same)."""
    cancel = _sent(kept).cancel(headers)
    layer.request(cancel, Address(*kept["destination"]), _Ignored(), branch=kept["branch"], sent_by=kept["sent_by"])


def _sent(kept: Mapping[str, Any]) -> Outgoing:
    body = kept["body"].encode("latin-1")
    return Outgoing("INVITE", kept["uri"], kept["lead"], kept["to"], kept["cseq"], kept["lines"], body)


class _Ignored:
    """The user of a request whose outcome changes nothing."""

    __slots__ = ()

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        pass

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        pass
