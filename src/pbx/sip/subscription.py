"""One subscription of a peer to something of ours (RFC 6665), also the implicit one of a REFER (RFC 3515)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from pbx.sip.client_transaction import ClientTransaction
from pbx.sip.dialog import Dialog
from pbx.sip.headers import name_addr, number
from pbx.sip.message import Request, Response
from pbx.sip.render import MAX_FORWARDS, Headers, header_lines, record_route_lines

if TYPE_CHECKING:
    from pbx.sip.server_transaction import ServerTransaction
    from pbx.sip.subscriptions import Subscriptions

Body = bytes | Callable[[int], bytes]
"""What a NOTIFY bears, or who says it when the NOTIFY leaves: called with a number that is 0 in the first one and
greater in each that follows, also over a restart."""


class SubscriptionState(Enum):
    NEW = "new"  # the SUBSCRIBE is not answered yet
    PENDING = "pending"
    ACTIVE = "active"
    TERMINATED = "terminated"


class SubscriptionListener(Protocol):
    """What a subscription tells its owner."""

    def refreshed(self, subscription: Subscription) -> None:
        """The peer asked again: it is due a NOTIFY with the whole state (RFC 6665 §4.2.1.2)."""

    def delayed(self, subscription: Subscription, after: int) -> None:
        """It was not told what it had to be; it may be in `after` seconds (§4.2.2)."""

    def unsubscribed(self, subscription: Subscription, cause: str) -> None:
        """It is over: "ended" by the peer, "expired" (both want a last NOTIFY, which is sent) or "lost"."""


class Subscription:
    """`resource` is what was asked for, `event` the package with its id, `expires` the seconds that were granted.

    Only one NOTIFY is under way; of those that come meanwhile the last one goes next, since each bears the whole state.
    Its owner may set `contact` and `requires` before it accepts.
    """

    __slots__ = (
        "_content",
        "_is_last_due",
        "_is_sending",
        "_reason",
        "_table",
        "_transaction",
        "_waits",
        "contact",
        "dialog",
        "due",
        "event",
        "expires",
        "listener",
        "requires",
        "resource",
        "state",
    )

    def __init__(
        self, table: Subscriptions, dialog: Dialog, resource: str, event: str, expires: int, contact: str
    ) -> None:
        self._table = table
        self._transaction: ServerTransaction | None = None
        self.dialog = dialog
        self.event = event
        self.resource = resource
        self.expires = expires
        self.contact = contact
        self.requires = ""  # an option that both sides must know: `eventlist` (RFC 4662)
        self.due = 0.0  # when it expires (time of the clock)
        self.listener: SubscriptionListener | None = None
        self.state = SubscriptionState.NEW
        self._content: tuple[str, Body] = "", b""  # type and body of the last NOTIFY
        self._reason = ""
        self._is_sending = False
        self._is_last_due = False  # it only wants to look: the NOTIFY that follows is the last
        self._waits = False

    @property
    def key(self) -> tuple[str, str, str]:
        return self.dialog.call_id, self.dialog.local_tag, self.event.lower()

    @property
    def is_over(self) -> bool:
        return self.state is SubscriptionState.TERMINATED

    @property
    def package(self) -> str:
        """The event without its parameters, in small letters."""
        return self.event.partition(";")[0].strip().lower()

    @property
    def subscriber(self) -> str:
        """The URI of who asked."""
        return name_addr(self.dialog.remote).uri

    @property
    def request(self) -> Request | None:
        """The SUBSCRIBE, until it is answered."""
        return self._transaction.request if self._transaction is not None else None

    @property
    def left(self) -> float:
        """Seconds until it expires."""
        return max(0.0, self.due - self._table.layer.timers.now)

    def snapshot(self) -> dict[str, Any]:
        """An accepted subscription as plain values; when it expires is for the owner to keep, by its own clock."""
        return {
            "dialog": self.dialog.snapshot(),
            "resource": self.resource,
            "event": self.event,
            "expires": self.expires,
            "contact": self.contact,
            "requires": self.requires,
        }

    @classmethod
    def resumed(cls, table: Subscriptions, kept: Mapping[str, Any], left: float) -> Subscription:
        """One of a process before, from its snapshot, with `left` seconds to go. Nothing is sent."""
        dialog = Dialog.of_snapshot(kept["dialog"])
        subscription = cls(table, dialog, kept["resource"], kept["event"], kept["expires"], kept["contact"])
        subscription.state = SubscriptionState.ACTIVE
        subscription.requires = kept.get("requires", "")  # none from an older release
        subscription.due = table.layer.timers.now + left
        return subscription

    # --- verbs -----------------------------------------------------------------------------------------------------

    def accept(self, *, expires: int | None = None, pending: bool = False) -> None:
        """200; the caller sends the first NOTIFY at once (`notify`). `expires` may shorten what was asked for."""
        if self.state is not SubscriptionState.NEW:
            return
        self.state = SubscriptionState.PENDING if pending else SubscriptionState.ACTIVE
        self.expires = min(self.expires, expires) if expires is not None else self.expires
        self._answer()
        if self.expires == 0:
            self._is_last_due = True
            self._end("timeout")
        else:
            self._table.add(self)

    def reject(self, status: int, reason: str = "", headers: Headers = ()) -> None:
        """Refuse it: 403, 404, 480 …"""
        if self.state is SubscriptionState.NEW and self._transaction is not None:
            self.state = SubscriptionState.TERMINATED
            self._transaction.respond(status, reason, headers)

    def notify(self, body: Body, content_type: str, *, active: bool = True) -> None:
        """Tell the whole state of the resource."""
        if self.state is SubscriptionState.PENDING and active:
            self.state = SubscriptionState.ACTIVE
        if self.state is SubscriptionState.NEW or (self.is_over and not self._is_last_due):
            return
        self._is_last_due = False
        self._content = content_type, body
        self._send()

    def end(self, reason: str, body: bytes = b"", content_type: str = "") -> None:
        """End it from our side, with a last NOTIFY: `deactivated`, `rejected`, `noresource` … (RFC 6665 §4.1.3)."""
        if self.state is SubscriptionState.NEW or self.is_over:
            return
        if content_type:
            self._content = content_type, body
        self._end(reason)
        self._send()

    # --- for the table ---------------------------------------------------------------------------------------------

    def is_asked(self, transaction: ServerTransaction) -> None:
        """The SUBSCRIBE that made it."""
        self._transaction = transaction

    def is_refreshed(self, request: Request, transaction: ServerTransaction, expires: int) -> None:
        """Another SUBSCRIBE of the peer; `expires` 0 ends it."""
        self._transaction = transaction
        self.dialog.refresh(request)
        self.expires = expires
        self._answer()
        if expires == 0:
            self._over("timeout", "ended")
        elif self.listener is not None:
            self.listener.refreshed(self)

    def run(self) -> None:
        """`due` is over."""
        self._over("timeout", "expired")

    def _over(self, reason: str, cause: str) -> None:
        listener = self.listener
        self._end(reason)
        self._send()
        if listener is not None:
            listener.unsubscribed(self, cause)

    def _answer(self) -> None:
        transaction, self._transaction = self._transaction, None
        self.due = self._table.layer.timers.now + self.expires
        if transaction is not None:  # a REFER has its own answer
            request = transaction.request
            routes = record_route_lines(request) if request is not None and not request.to_tag else ""
            transaction.local_tag = self.dialog.local_tag
            lines = header_lines([("Expires", str(self.expires)), ("Contact", self.contact), *self._required])
            transaction.respond_lines(200, "", routes + lines, b"")

    def _end(self, reason: str) -> None:
        self.state = SubscriptionState.TERMINATED
        self._reason = reason
        self.listener = None
        self._table.remove(self)

    @property
    def _required(self) -> Headers:
        return [("Require", self.requires)] if self.requires else []

    # --- NOTIFY ----------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        if self._is_sending:
            self._waits = True
            return
        self._is_sending, self._waits = True, False
        kind, content = self._content
        body = content(self.dialog.local_seq) if callable(content) else content
        lasts = f"{self.state.value};expires={round(self.left)}"
        state = f"terminated;reason={self._reason}" if self._reason else lasts
        lines = [("Event", self.event), ("Subscription-State", state), ("Contact", self.contact), *self._required]
        if body:
            lines.append(("Content-Type", kind))
        outgoing = self.dialog.request("NOTIFY", MAX_FORWARDS + header_lines(lines), body)
        self._table.layer.request(outgoing, self.dialog.destination, self)

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        if response.status < 200:
            return
        self._is_sending = False
        if response.status < 300:
            self.dialog.refresh(response)
        elif response.status != 481 and (after := number(response.get("retry-after"))) >= 0:
            self._waits = False
            if self.listener is not None:
                self.listener.delayed(self, after)
        elif response.status in (404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604):
            self._lose()  # RFC 5057 §5.1: the usage, or the dialog with it, is gone
        if self._waits:
            self._send()

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        self._is_sending = False
        self._lose()

    def _lose(self) -> None:
        self._waits = False
        if not self.is_over:
            listener = self.listener
            self._end("")
            if listener is not None:
                listener.unsubscribed(self, "lost")
