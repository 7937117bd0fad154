"""The SIP endpoint: whole messages in, packets out. No sockets, no clock of its own.

Every message is handled inside a fence: what goes wrong in it is answered 500, counted and told once, never raised.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pbx.sip import replaces
from pbx.sip import uri as uris
from pbx.sip.address import Address
from pbx.sip.admission import (
    ACCEPT_LINES,
    OF_SUBSCRIPTIONS,
    OF_TRANSFERS,
    SUPPORTED,
    refuse_bad_message,
    refuse_initial,
    refuse_invite,
)
from pbx.sip.dialog import Dialog
from pbx.sip.digest import DigestClient
from pbx.sip.headers import name_addr
from pbx.sip.listener import SessionListener
from pbx.sip.message import BadMessage, Request, Response, parse
from pbx.sip.outgoing_invite import cancel_kept
from pbx.sip.question import Question
from pbx.sip.referral import receive_refer
from pbx.sip.render import MAX_FORWARDS, Headers, header_lines
from pbx.sip.server_transaction import ServerInvite, ServerTransaction
from pbx.sip.session import InviteSession
from pbx.sip.subscription import Subscription
from pbx.sip.subscriptions import OnSubscribe, Subscriptions
from pbx.sip.transaction_layer import TransactionLayer, server_key
from pbx.sip.transaction_state import State

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE"
WATCH = 5.0  # seconds between two looks at the session timers, which count in minutes
_SERVED_IN_DIALOG = frozenset({"INVITE", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE"})

OnInvite = Callable[[InviteSession], None]
OnRequest = Callable[[ServerTransaction], None]
OnFault = Callable[[Exception, str], None]


class Stack:
    """Joins transactions, dialogs and sessions.

    `on_invite` gets each new call, its INVITE checked; `on_request` the server transaction of each OPTIONS outside of
    calls (200 when absent). With `transfers` a REFER inside a call is told to its listener, and an INVITE with Replaces
    bears the leg that it replaces; `events` are the packages that may be subscribed to. `on_fault(exception, what)`
    hears of each fault. Counters: `faults`, and `broken` messages, against the grammar.
    """

    def __init__(
        self,
        *,
        local: Address,
        clock: Callable[[], float],
        on_invite: OnInvite,
        on_request: OnRequest | None = None,
        transfers: bool = False,
        events: Mapping[str, OnSubscribe] | None = None,
        user_agent: str = "pbx",
        rng: random.Random | None = None,
        on_fault: OnFault | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self.local = local
        self.layer = TransactionLayer(local, clock, rng)
        self.layer.wake = wake
        self.sessions: dict[tuple[str, str], InviteSession] = {}  # (Call-ID, our tag)
        self._contact = f"<sip:{local.host_port}>"
        self.subscriptions = Subscriptions(self.layer, events or {}, self._contact)
        self._transfers = transfers
        more = (", REFER" if transfers else "") + (", SUBSCRIBE" if events else "")
        self.allow = f"{ALLOW}{more}"
        self.supported = SUPPORTED | (OF_TRANSFERS if transfers else set()) | (OF_SUBSCRIPTIONS if events else set())
        abilities = f"Allow: {self.allow}\r\nSupported: {', '.join(sorted(self.supported))}\r\n"
        if events:
            abilities += f"Allow-Events: {self.subscriptions.allow_events}\r\n"
        self.capabilities = abilities + header_lines([("User-Agent", user_agent)])
        self._options = abilities + ACCEPT_LINES
        self.faults = 0
        self.broken = 0
        self._on_invite = on_invite
        self._on_request = on_request
        self._on_fault = on_fault
        self._rng = rng
        self._is_watching = False

    # --- what the transport uses -----------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address) -> None:
        """Handle one whole message from `source`. Never raises."""
        if len(data) <= 4:  # a keep-alive: CRLF, or the zeros of a NAT ping
            return
        try:
            message = parse(data)
        except BadMessage as bad:
            self.broken += 1
            answer = refuse_bad_message(bad, self.layer.new_tag())
            if answer is not None:
                self.layer.send(source, answer)
            return
        except Exception as fault:
            self._fault(fault, "parse")
            return
        try:
            if isinstance(message, Response):
                self.layer.receive_response(message)
            else:
                self._receive_request(message, source)
        except Exception as fault:
            self._fault(fault, message.cseq_method)
            if isinstance(message, Request):
                self._answer_fault(message)

    def run_timers(self) -> None:
        """Run what is due. Never raises."""
        for callback in self.layer.timers.due():
            try:
                callback()
            except Exception as fault:
                self._fault(fault, "timer")

    @property
    def next_timer(self) -> float | None:
        """When `run_timers` is to be called next (time of the clock), None when nothing waits."""
        return self.layer.timers.next

    def take_output(self) -> list[tuple[Address, bytes]]:
        """What is to be sent, in order; the list becomes the caller's."""
        output = self.layer.output
        self.layer.output = []
        return output

    def unreachable(self, destination: Address) -> None:
        """The transport could not deliver to `destination`. Never raises."""
        try:
            self.layer.unreachable(destination)
        except Exception as fault:
            self._fault(fault, "unreachable")

    # --- what the application uses ---------------------------------------------------------------------------------

    def invite(
        self,
        *,
        uri: str,
        destination: Address,
        from_: str,
        to: str,
        contact: str,
        sdp: bytes | None,
        headers: Sequence[tuple[str, str]] = (),
        listener: SessionListener,
        credentials: tuple[str, str] | None = None,
    ) -> InviteSession:
        """Start a call: the INVITE goes to `destination`, whatever `uri` says.

        `from_`, `to` and `contact` are header values without tags; `sdp` None leaves the offer to the peer;
        `credentials` (user, password) answer a 401 or 407. Raises ValueError for values that make no SIP.
        """
        if not uris.is_sip(uri) or not uris.is_sip(name_addr(contact).uri):
            raise ValueError(f"not a SIP URI: {uri} or {contact}")
        for value in (from_, to):
            if name_addr(value).tag:
                raise ValueError(f"a tag of its own: {value}")
        lines = header_lines(headers)
        if not any(name.lower() == "max-forwards" for name, _ in headers):
            lines = MAX_FORWARDS + lines
        header_lines([("From", from_), ("To", to)])
        tag = self.layer.new_tag()
        dialog = Dialog(
            call_id=self.layer.new_call_id(),
            local=f"{from_};tag={tag}",
            local_tag=tag,
            remote=to,
            remote_tag="",
            remote_target=uri,
            route_set=(),
            local_seq=0,
            remote_seq=0,
            destination=destination,
        )
        session = InviteSession(self, "uac", dialog, destination, contact)
        session.listener = listener
        self.register(session)
        digest = DigestClient(*credentials, self._rng) if credentials is not None else None
        session.start(uri, destination, lines, sdp, digest)
        return session

    def ask(
        self, *, uri: str, destination: Address, from_: str, headers: Headers = (), done: Callable[[int], None]
    ) -> None:
        """Is `uri` there? OPTIONS by way of `destination`; `done` gets the final status, 408 or 503 for none."""
        Question(self.layer, destination, uri=uri, from_=from_, headers=headers, done=done)

    def resume(
        self, kept: Mapping[str, Any], *, listener: SessionListener, credentials: tuple[str, str] | None = None
    ) -> InviteSession:
        """A session of a process before, from its snapshot: an established one, of which nothing is sent, or one with
        an INVITE that is not answered: ours is sent once more, the peer's waits for its answer.

        Raises ValueError for an INVITE that is none.
        """
        digest = DigestClient(*credentials, self._rng) if credentials is not None else None
        if kept["invite"] is None:
            session = InviteSession.resumed(self, kept, digest)
        elif kept["role"] == "uac":
            session = InviteSession.resumed_calling(self, kept, digest)
        else:
            session = self._reopen(kept)
        session.listener = listener
        self.register(session)
        return session

    def give_up(self, kept: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()) -> None:
        """CANCEL an INVITE that a process before sent from here and had no use for any more; where it is over by now,
        nothing happens (481)."""
        cancel_kept(self.layer, kept["invite"], headers)

    def _reopen(self, kept: Mapping[str, Any]) -> InviteSession:
        try:
            request = parse(kept["invite"]["raw"].encode("latin-1"))
        except BadMessage as bad:
            raise ValueError(str(bad)) from None
        if not isinstance(request, Request) or request.method != "INVITE":
            raise ValueError("no INVITE")
        source = Address(*kept["source"])
        transaction = self.layer.serve(request, source, server_key(request, "INVITE"))
        assert isinstance(transaction, ServerInvite)
        session = InviteSession(self, "uas", Dialog.of_snapshot(kept), source, kept["contact"])
        session.receive_invite(request, transaction)
        session.resume_invite(kept["invite"])
        return session

    def resume_subscription(self, kept: Mapping[str, Any], left: float) -> Subscription:
        """See `Subscriptions.resume`."""
        self._keep_watch()
        return self.subscriptions.resume(kept, left)

    # --- sessions --------------------------------------------------------------------------------------------------

    def register(self, session: InviteSession) -> None:
        self.sessions[session.call_id, session.local_tag] = session
        self._keep_watch()

    def _keep_watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            self.layer.timers.start(WATCH, self._watch)

    def _watch(self) -> None:
        """Run what is due in minutes: one look at all calls, since a timer each would lie in the wheel for long."""
        now = self.layer.timers.now
        for session in list(self.sessions.values()):
            if session.timer.due is not None and session.timer.due <= now:
                session.timer.run(session, now)
        self.subscriptions.run(now)
        self._is_watching = False
        if self.sessions or self.subscriptions:
            self._keep_watch()

    def forget(self, session: InviteSession) -> None:
        self.sessions.pop((session.call_id, session.local_tag), None)

    def _session_of(self, request: Request) -> InviteSession | None:
        session = self.sessions.get((request.call_id, request.to_tag))
        return session if session is not None and session.remote_tag == request.from_tag else None

    # --- requests --------------------------------------------------------------------------------------------------

    def _receive_request(self, request: Request, source: Address) -> None:
        method = request.method
        if method == "ACK":
            self._receive_ack(request)
            return
        key = server_key(request, method)
        known = self.layer.servers.get(key)
        if known is not None:
            known.receive_again()
            return
        transaction = self.layer.serve(request, source, key)
        if method == "CANCEL":
            self._receive_cancel(request, transaction)
        elif request.to_tag:
            self._receive_in_dialog(request, transaction)
        else:
            self._receive_initial(request, transaction)

    def _receive_ack(self, request: Request) -> None:
        transaction = self.layer.find_server(request, "INVITE")
        if isinstance(transaction, ServerInvite) and transaction.state is not State.ACCEPTED:
            transaction.receive_ack()
            return
        session = self._session_of(request)
        if session is not None:
            session.receive_ack(request)

    def _receive_cancel(self, request: Request, transaction: ServerTransaction) -> None:
        invite = self.layer.find_server(request, "INVITE")
        if invite is None:
            transaction.respond(481)
            return
        transaction.local_tag = invite.local_tag
        transaction.respond(200)
        if invite.user is not None and not invite.is_answered:
            invite.user.cancelled(request)

    def _receive_in_dialog(self, request: Request, transaction: ServerTransaction) -> None:
        session = self._session_of(request)
        method = request.method
        if method == "SUBSCRIBE" and (self.subscriptions.allow_events or self._transfers):
            if not refuse_initial(request, transaction, self.supported):
                self.subscriptions.receive_in_dialog(request, transaction)
        elif session is None:
            transaction.respond(481)
        elif refuse_initial(request, transaction, self.supported):
            pass
        elif method not in _SERVED_IN_DIALOG and not (method == "REFER" and self._transfers):
            transaction.respond(405, "", [("Allow", self.allow)])
        elif request.cseq < session.dialog.remote_seq:
            transaction.respond(500, "CSeq Out Of Order")
        else:
            session.dialog.remote_seq = request.cseq
            if method == "REFER" and not session.is_ended:
                self._keep_watch()
                receive_refer(session, request, transaction, self.subscriptions)
            else:
                session.receive(request, transaction)

    def _receive_initial(self, request: Request, transaction: ServerTransaction) -> None:
        if transaction.is_merged:
            transaction.respond(482)
        elif refuse_initial(request, transaction, self.supported):
            pass
        elif isinstance(transaction, ServerInvite):
            if not refuse_invite(request, transaction):
                self._open(request, transaction)
        elif request.method == "SUBSCRIBE" and self.subscriptions.allow_events:
            self._keep_watch()
            self.subscriptions.receive_initial(request, transaction)
        elif request.method == "OPTIONS":
            if self._on_request is not None:
                self._on_request(transaction)
            else:
                transaction.respond_lines(200, "", self._options, b"")
        elif request.method in ("BYE", "INFO", "PRACK", "UPDATE"):
            transaction.respond(481)
        else:
            known = request.method in _KNOWN
            transaction.respond(405 if known else 501, "", [("Allow", self.allow)])

    def _open(self, request: Request, transaction: ServerInvite) -> None:
        replaced = None
        if self._transfers and "replaces" in request.fields:
            replaced = replaces.find(request, transaction, self.sessions)
            if replaced is None:
                return
        source = transaction.source
        dialog = Dialog.of_request(request, source, self.layer.new_tag(), 0)
        session = InviteSession(self, "uas", dialog, source, self._contact)
        session.replaces = replaced
        session.receive_invite(request, transaction)
        self.register(session)
        self._on_invite(session)

    # --- faults ----------------------------------------------------------------------------------------------------

    def _fault(self, fault: Exception, what: str) -> None:
        self.faults += 1
        if self._on_fault is not None:
            try:
                self._on_fault(fault, what)
            except Exception:  # whoever is told of faults may not become one
                self.faults += 1

    def _answer_fault(self, request: Request) -> None:
        """500 to a request whose handling failed, if it is open; a session that it made is over."""
        try:
            transaction = self.layer.find_server(request, request.method)
            if transaction is None or transaction.is_answered:
                return
            session = self.sessions.get((request.call_id, transaction.local_tag))
            if session is not None and not request.to_tag:
                session.reject(500)
            transaction.respond(500)
        except Exception as fault:
            self._fault(fault, "fault")


_KNOWN = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"})
