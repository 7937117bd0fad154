"""A call leg: one INVITE session from its first message to its last (RFC 3261 §13–15).

The session joins its parts and keeps none of their state: the incoming or the outgoing INVITE, the dialog, the
offer/answer exchanges. A verb that comes too late (the other side was faster) does nothing; the listener hears why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbx.sip.address import Address
from pbx.sip.client_transaction import ClientTransaction, ClientUser
from pbx.sip.dialog import Dialog
from pbx.sip.dialog_request import DialogRequest
from pbx.sip.digest import DigestClient
from pbx.sip.incoming_invite import IncomingInvite
from pbx.sip.listener import DEAF, SessionListener
from pbx.sip.message import Message, Request, Response
from pbx.sip.offer_answer import OfferAnswer
from pbx.sip.outgoing_invite import OutgoingInvite
from pbx.sip.render import MAX_FORWARDS, Headers, header_lines
from pbx.sip.server_transaction import ServerInvite, ServerTransaction
from pbx.sip.session_state import SessionState
from pbx.sip.session_timer import SessionTimer
from pbx.sip.transaction_layer import TransactionLayer

if TYPE_CHECKING:
    from pbx.sip.stack import Stack


class InviteSession:
    """One call leg. `role` is "uas" or "uac"; `source` is where its INVITE came from or went to.

    `request` is the INVITE that came (uas); `contact` a whole Contact value; SDPs are the last ones agreed or sent.
    """

    __slots__ = (
        "_bye_headers",
        "_digest",
        "_incoming",
        "_is_bye_due",
        "_offers",
        "_outgoing",
        "_stack",
        "contact",
        "dialog",
        "is_agreed_early",
        "layer",
        "listener",
        "local_sdp",
        "peer_updates",
        "remote_sdp",
        "replaces",
        "request",
        "role",
        "source",
        "state",
        "timer",
    )

    def __init__(self, stack: Stack, role: str, dialog: Dialog, source: Address, contact: str) -> None:
        self._stack = stack
        self.layer: TransactionLayer = stack.layer
        self.role = role
        self.dialog = dialog
        self.source = source
        self.contact = contact
        self.request: Request | None = None
        self.replaces: InviteSession | None = None  # uas: the leg that its INVITE takes the place of (RFC 3891)
        self.listener: SessionListener = DEAF
        self.local_sdp: bytes | None = None
        self.remote_sdp: bytes | None = None
        self.state = SessionState.EARLY
        self._incoming: IncomingInvite | None = None
        self._outgoing: OutgoingInvite | None = None
        self._offers: OfferAnswer | None = None
        self._digest: DigestClient | None = None
        self._is_bye_due = False
        self._bye_headers: Headers = ()
        self.is_agreed_early = False  # offer and answer are exchanged though the INVITE is not answered
        self.peer_updates = False  # its Allow names UPDATE
        self.timer = SessionTimer()

    @classmethod
    def resumed(cls, stack: Stack, kept: Mapping[str, Any], digest: DigestClient | None) -> InviteSession:
        """An established session from its snapshot. Whatever was under way when it was taken is forgotten."""
        session = cls(stack, kept["role"], Dialog.of_snapshot(kept), Address(*kept["source"]), kept["contact"])
        session.state = SessionState.ESTABLISHED
        session.local_sdp, session.remote_sdp = (_bytes(kept[key]) for key in ("local_sdp", "remote_sdp"))
        session._digest = digest
        session.peer_updates = kept["peer_updates"]
        session.timer.resume(kept["timer"], stack.layer.timers.now)
        return session

    @classmethod
    def resumed_calling(cls, stack: Stack, kept: Mapping[str, Any], digest: DigestClient | None) -> InviteSession:
        """A session whose INVITE, ours, was not answered yet. It is sent once more; early dialogs are heard of anew."""
        invite = kept["invite"]
        destination = Address(*invite["destination"])
        half = {"remote": invite["to"], "remote_tag": "", "remote_target": invite["uri"], "route_set": ()}
        dialog = Dialog.of_snapshot({**kept, **half, "destination": destination})
        dialog.local_seq = invite["cseq"]
        session = cls(stack, "uac", dialog, destination, kept["contact"])
        session.local_sdp = _bytes(kept["local_sdp"])
        session._digest = digest
        body = invite["body"].encode("latin-1")
        session._outgoing = OutgoingInvite(session, invite["uri"], destination, invite["headers"], body)
        session._outgoing.resume(invite)
        return session

    # --- what the owner reads --------------------------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        return self.dialog.call_id

    @property
    def local_tag(self) -> str:
        return self.dialog.local_tag

    @property
    def remote_tag(self) -> str:
        return self.dialog.remote_tag

    @property
    def remote_target(self) -> str:
        return self.dialog.remote_target

    @property
    def is_established(self) -> bool:
        return self.state is SessionState.ESTABLISHED

    @property
    def is_ended(self) -> bool:
        return self.state is SessionState.ENDED

    @property
    def is_early_uas(self) -> bool:
        """The peer's own INVITE is not answered yet."""
        return self.role == "uas" and self.state is SessionState.EARLY

    def snapshot(self) -> dict[str, Any]:
        """What a journal needs to take the leg up again, as plain values (SDPs as text)."""
        invite = self._outgoing if self.role == "uac" else self._incoming
        return {
            **self.dialog.snapshot(),
            "invite": invite.snapshot() if invite is not None and self.state is SessionState.EARLY else None,
            "role": self.role,
            "state": self.state.value,
            "peer_updates": self.peer_updates,
            "timer": self.timer.snapshot(),
            "contact": self.contact,
            "source": list(self.source),
            "local_sdp": _text(self.local_sdp),
            "remote_sdp": _text(self.remote_sdp),
        }

    # --- verbs of a uas --------------------------------------------------------------------------------------------

    def provisional(self, status: int, reason: str = "", sdp: bytes | None = None, headers: Headers = ()) -> None:
        """Send a 1xx; it is repeated each minute until the final response."""
        if self._incoming is not None and self.state is SessionState.EARLY:
            self._incoming.provisional(status, reason, sdp, headers)

    def accept(self, sdp: bytes, headers: Headers = ()) -> None:
        """Send the 200; `sdp` is the answer, or the offer when the INVITE had none. It may have to wait for a PRACK."""
        if self._incoming is not None and self.state is SessionState.EARLY:
            self._incoming.accept(sdp, headers)

    def reject(self, status: int, reason: str = "", headers: Headers = ()) -> None:
        """Send a final response from 300 on: the session is over, the listener hears nothing more."""
        if self._incoming is not None and self.state is SessionState.EARLY:
            self._incoming.reject(status, reason, headers)
            self._close()

    # --- verbs of a uac --------------------------------------------------------------------------------------------

    def start(self, uri: str, destination: Address, lines: str, sdp: bytes | None, digest: DigestClient | None) -> None:
        """Send the INVITE (called by the stack)."""
        self._digest = digest
        self.local_sdp = sdp
        self._outgoing = OutgoingInvite(self, uri, destination, self.media_lines(sdp) + lines, sdp or b"")
        self._outgoing.start()

    def cancel(self, headers: Headers = ()) -> None:
        """Give up a call that is not answered; `listener.failed` tells when it is done (487, or what crossed it)."""
        if self._outgoing is not None and self.state is SessionState.EARLY:
            self._outgoing.cancel(headers)

    # --- verbs of both ---------------------------------------------------------------------------------------------

    def reinvite(self, sdp: bytes) -> None:
        """Offer new media; waits while another exchange is under way (the newest offer wins). `reinvited` tells."""
        if self.state is not SessionState.ENDED:
            self._media().offer(sdp)

    def answer_offer(self, sdp: bytes) -> None:
        """Answer `listener.offered`, or the offer in the 2xx or reliable 1xx to our INVITE without SDP."""
        if self._outgoing is not None and self.state is SessionState.EARLY and self._outgoing.answer_early(sdp):
            return
        if self._outgoing is not None and self.state is SessionState.ANSWERED:
            self._outgoing.answer_offer(sdp)
            self._outgoing = None
            self.state = SessionState.ESTABLISHED
            self.proceed()
        elif self._offers is not None:
            self._offers.answer(sdp)

    def refuse_offer(self, status: int, reason: str = "") -> None:
        """Refuse `listener.offered`; the media stays as it was."""
        if self._offers is not None:
            self._offers.refuse(status, reason)

    def bye(self, headers: Headers = ()) -> None:
        """Hang up, in any state: BYE, CANCEL (uac, not answered) or 480 (uas, not answered).

        A uas may not send BYE before the ACK (RFC 3261 §15): then it follows the ACK. The listener hears nothing more,
        except `failed` after a CANCEL.
        """
        if self.state is SessionState.EARLY:
            if self.role == "uac":
                self.cancel(headers)
            else:
                self.reject(480, "", headers)
        elif self.state is SessionState.ESTABLISHED:
            self._send_bye(headers)
        elif self.state is SessionState.ANSWERED:
            self._is_bye_due, self._bye_headers = True, tuple(headers)
            self.listener = DEAF
            if self._outgoing is not None:  # the peer waits for the answer to its offer: the ACK goes without
                self._outgoing.answer_offer(b"")
                self._send_bye(headers)

    def info(self, content_type: str, body: bytes) -> None:
        """Send an INFO (RFC 6086); its outcome is not told, except that a 481 ends the call."""
        if self.state is SessionState.ESTABLISHED:
            lines = MAX_FORWARDS + header_lines([("Content-Type", content_type)])
            DialogRequest(self, "INFO", lines, body, self._informed)

    # --- for the parts ---------------------------------------------------------------------------------------------

    def media_lines(self, sdp: bytes | None) -> str:
        """The header lines of a message that sets up or changes media: Contact, Allow, Content-Type."""
        lines = header_lines([("Contact", self.contact)]) + self._stack.capabilities
        return f"{lines}Content-Type: application/sdp\r\n" if sdp else lines

    def credentials(self, method: str, uri: str) -> Headers:
        """Authorization fields for a request, empty when nobody asked for any."""
        return self._digest.lines(method, uri) if self._digest is not None else ()

    def learns(self, response: Response, first: bool) -> bool:
        """True when this is a challenge that the request is worth repeating for."""
        return response.status in (401, 407) and self._digest is not None and self._digest.learn(response, first)

    def send_request(self, method: str, lines: str, body: bytes, user: ClientUser) -> ClientTransaction:
        """Send a request of the dialog."""
        dialog = self.dialog
        credentials = self.credentials(method, dialog.remote_target)
        if credentials:
            lines = header_lines(credentials) + lines
        return self.layer.request(dialog.request(method, lines, body), dialog.destination, user)

    def has_accepted(self) -> None:
        """uas: the 200 is sent."""
        self.state = SessionState.ANSWERED

    def heard(self, message: Message) -> None:
        """What each message that sets up the session tells of its sender."""
        if not self.peer_updates:
            self.peer_updates = "UPDATE" in str(message.fields.get("allow"))

    def proceed(self) -> None:
        """An offer that waited for the answer of the call may go."""
        if self._offers is not None:
            self._offers.proceed()

    def offer_as_before(self) -> None:
        """A re-INVITE that changes nothing (RFC 4028 §7.4), unless another one is under way, which does as well."""
        self._media().refresh()

    def receive_offer(self, request: Request, transaction: ServerTransaction) -> None:
        """An offer in a PRACK."""
        self._media().receive(request, transaction)

    @property
    def may_offer(self) -> bool:
        """We may send an offer: by re-INVITE, or by UPDATE before the answer (RFC 3311 §5.1)."""
        if self.state is SessionState.EARLY:
            return self.is_agreed_early and self.peer_updates
        return self.state is SessionState.ESTABLISHED

    def is_answered(self, response: Response, waits_for_answer: OutgoingInvite | None) -> None:
        """uac: a 2xx came; with our ACK the session is established."""
        self.heard(response)
        self.timer.is_answered(response, self.layer.timers.now)
        self._outgoing = waits_for_answer
        self.state = SessionState.ESTABLISHED if waits_for_answer is None else SessionState.ANSWERED

    def has_failed(self, status: int, reason: str, response: Response | None) -> None:
        """uac: the INVITE failed."""
        listener = self.listener
        self._close()
        listener.failed(self, status, reason, response)

    def is_over(self, request: Request | None, cause: str) -> None:
        """The other side ended the session."""
        listener = self.listener
        self._close()
        listener.ended(self, request, cause)

    def ack_lost(self) -> None:
        """No ACK came in 64·T1: the session ends with a BYE (RFC 3261 §13.3.1.4)."""
        self.is_over_by_us("no_ack", self._bye_headers)

    def is_lost(self) -> None:
        """A request of ours met 408, 481 or silence: the dialog is dead (RFC 5057 §5.1, §5.3)."""
        self.is_over_by_us("timeout")

    def is_over_by_us(self, cause: str, headers: Headers = ()) -> None:
        """The session cannot go on: a BYE, and the listener hears why."""
        listener = self.listener
        self._send_bye(headers)
        listener.ended(self, None, cause)

    # --- what comes in (called by the stack) -----------------------------------------------------------------------

    def receive_invite(self, request: Request, transaction: ServerInvite) -> None:
        """The INVITE that makes this session."""
        self.request = request
        self.remote_sdp = request.sdp
        self.heard(request)
        self.timer.is_asked(request)
        transaction.local_tag = self.local_tag
        self._incoming = IncomingInvite(self, request, transaction)

    def resume_invite(self, kept: Mapping[str, Any]) -> None:
        """The INVITE was in another process before, which had come as far as this with it."""
        assert self._incoming is not None
        self._incoming.resume(kept)

    def receive_ack(self, request: Request) -> None:
        if self._incoming is not None and self._incoming.receive_ack(request):
            wants_answer, self._incoming = self._incoming.waits_for_answer, None
            if self._is_bye_due:
                self._send_bye(self._bye_headers)
            elif self.state is SessionState.ANSWERED:
                self._confirm(request.sdp, wants_answer)
        elif self._offers is not None:
            self._offers.receive_ack(request)

    def _confirm(self, sdp: bytes | None, wants_answer: bool) -> None:
        self.state = SessionState.ESTABLISHED
        if wants_answer and sdp is None:  # RFC 3261 §13.2.2.4: nobody knows where the media goes
            self.is_over_by_us("no_answer")
            return
        if wants_answer and sdp is not None:
            self.remote_sdp = sdp
            self.listener.agreed(self, sdp)
        self.listener.confirmed(self)
        self.proceed()

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """A request inside the dialog, CSeq in order."""
        method = request.method
        if method == "BYE":
            self._receive_bye(request, transaction)
        elif self.state is SessionState.ENDED:
            transaction.respond(481)
        elif method == "PRACK":
            self._receive_prack(request, transaction)
        elif method in ("INVITE", "UPDATE"):
            self._media().receive_change(request, transaction)
        elif method == "INFO":
            transaction.respond(200)
            self.listener.informed(self, request)
        else:  # OPTIONS
            transaction.respond_lines(200, "", self.media_lines(None), b"")

    def _receive_prack(self, request: Request, transaction: ServerTransaction) -> None:
        if self._incoming is None:
            transaction.respond(481)
        else:
            self._incoming.receive_prack(request, transaction)

    def _receive_bye(self, request: Request, transaction: ServerTransaction) -> None:
        transaction.respond(200)
        if self.state is SessionState.ENDED:  # both hung up at once: ours is on its way
            return
        if self._outgoing is not None and self.state is SessionState.EARLY:
            self._outgoing.cancel(())
            return
        cause = "cancel" if self.state is SessionState.EARLY else "bye"
        self.is_over(request, cause)

    # --- ending ----------------------------------------------------------------------------------------------------

    def _send_bye(self, headers: Headers) -> None:
        """Send BYE. The dialog stays known until it is answered, so that a BYE of the peer meanwhile gets its 200."""
        self._end()
        lines = MAX_FORWARDS + header_lines(headers)
        DialogRequest(self, "BYE", lines, b"", self._bye_done)

    def _bye_done(self, status: int, response: Response | None) -> None:
        self._stack.forget(self)

    def _close(self) -> None:
        self._end()
        self._stack.forget(self)

    def _end(self) -> None:
        self.state = SessionState.ENDED
        self.listener = DEAF
        self._is_bye_due = False
        if self._incoming is not None:
            self._incoming.stop()
            self._incoming = None
        if self._offers is not None:
            self._offers.stop()
            self._offers = None
        self._outgoing = None

    def _informed(self, status: int, response: Response | None) -> None:
        if status == 481 and self.state is SessionState.ESTABLISHED:
            self.is_lost()

    def _media(self) -> OfferAnswer:
        if self._offers is None:
            self._offers = OfferAnswer(self)
        return self._offers


def _text(sdp: bytes | None) -> str | None:
    return None if sdp is None else sdp.decode("utf-8", "replace")


def _bytes(sdp: str | None) -> bytes | None:
    return None if sdp is None else sdp.encode()
