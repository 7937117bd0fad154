"""REFER inside a call: the peer asks us to call somebody for it, and is told how it goes (RFC 3515, 4488, 5589)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.sip import replaces, uri
from pbx.sip.headers import name_addr
from pbx.sip.message import Request
from pbx.sip.phrases import phrase
from pbx.sip.replaces import Replaces
from pbx.sip.subscription import Subscription

if TYPE_CHECKING:
    from pbx.sip.server_transaction import ServerTransaction
    from pbx.sip.session import InviteSession
    from pbx.sip.subscriptions import Subscriptions

LASTS = 180  # seconds that the peer may be told of it: longer than anything rings
SIPFRAG = "message/sipfrag;version=2.0"


class Referral:
    """`target` is whom to call (a URI without headers), `replaces` the call leg to take the place of there."""

    __slots__ = ("_subscription", "_transaction", "referred_by", "replaces", "target", "wants_news")

    def __init__(
        self, target: str, replaced: Replaces | None, request: Request, transaction: ServerTransaction
    ) -> None:
        self.target = target
        self.replaces = replaced
        self.referred_by = request.get("referred-by")
        self.wants_news = request.get("refer-sub").strip().lower() != "false"
        self._transaction: ServerTransaction | None = transaction
        self._subscription: Subscription | None = None

    def accept(self) -> None:
        """202, and a first NOTIFY of 100 where the peer wants news."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        transaction.respond(202, "", [] if self.wants_news else [("Refer-Sub", "false")])
        if self._subscription is not None:
            self._subscription.accept()
        self.progress(100)

    def reject(self, status: int = 603, reason: str = "") -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.respond(status, reason)

    def progress(self, status: int, reason: str = "") -> None:
        """Tell how the call goes, by its status."""
        if self._subscription is not None:
            self._subscription.notify(_fragment(status, reason), SIPFRAG)

    def finish(self, status: int, reason: str = "") -> None:
        """Tell how it went; the peer hears nothing more."""
        if self._subscription is not None:
            self._subscription.end("noresource", _fragment(status, reason), SIPFRAG)

    def subscribed(self, subscription: Subscription) -> None:
        self._subscription = subscription


def receive_refer(
    session: InviteSession, request: Request, transaction: ServerTransaction, table: Subscriptions
) -> None:
    """A REFER of the session's peer: checked, then told to the listener."""
    lines = request.get_all("refer-to")
    try:
        address = name_addr(lines[0]).uri if len(lines) == 1 else ""
        target, _, further = address.partition("?")
        replaced = replaces.of_uri(further)
    except ValueError:
        address = target = ""
        replaced = None
    if not address or not uri.is_valid(target):
        transaction.respond(400, "Broken Refer-To")
        return
    if (uri.parameter_of(target, "method") or "INVITE").upper() != "INVITE":
        transaction.respond(603, "Only INVITE")
        return
    referral = Referral(target, replaced, request, transaction)
    if referral.wants_news:
        event = "refer" if table.find(request, "refer") is None else f"refer;id={request.cseq}"
        subscription = Subscription(table, session.dialog, request.uri, event, LASTS, session.contact)
        referral.subscribed(subscription)
    session.listener.referred(session, referral)


def _fragment(status: int, reason: str) -> bytes:
    return f"SIP/2.0 {status} {reason or phrase(status)}\r\n".encode()
