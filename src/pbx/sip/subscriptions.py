"""The subscriptions that a stack serves: which events there are, and to which one a request belongs (RFC 6665)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pbx.sip import headers, uri
from pbx.sip.dialog import Dialog
from pbx.sip.message import Request, is_route
from pbx.sip.server_transaction import ServerTransaction
from pbx.sip.subscription import Subscription
from pbx.sip.transaction_layer import TransactionLayer

DEFAULT = 3600  # seconds, where the peer says nothing, and the most that is granted
LEAST = 60  # seconds; a peer that asks for less gets 423

OnSubscribe = Callable[[Subscription], None]


class Subscriptions:
    """`events` maps a package (`dialog`, `message-summary` …) to who accepts or rejects its subscriptions."""

    def __init__(self, layer: TransactionLayer, events: Mapping[str, OnSubscribe], contact: str) -> None:
        self.layer = layer
        self._events = events
        self._contact = contact
        self._all: dict[tuple[str, str, str], Subscription] = {}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def allow_events(self) -> str:
        return ", ".join(sorted(self._events))

    def add(self, subscription: Subscription) -> None:
        self._all[subscription.key] = subscription

    def remove(self, subscription: Subscription) -> None:
        self._all.pop(subscription.key, None)

    def resume(self, kept: Mapping[str, Any], left: float) -> Subscription:
        """A subscription of a process before, from its snapshot, with `left` seconds to go; its owner sets `listener`.

        Raises KeyError, TypeError or ValueError for what is no snapshot.
        """
        subscription = Subscription.resumed(self, kept, left)
        self.add(subscription)
        return subscription

    def find(self, request: Request, event: str) -> Subscription | None:
        """The one for this event in the dialog of a request."""
        found = self._all.get((request.call_id, request.to_tag, event.lower()))
        return found if found is not None and found.dialog.remote_tag == request.from_tag else None

    def run(self, now: float) -> None:
        """End those whose time is over."""
        for subscription in list(self._all.values()):
            if subscription.due <= now:
                subscription.run()

    # --- what comes in ---------------------------------------------------------------------------------------------

    def receive_initial(self, request: Request, transaction: ServerTransaction) -> None:
        """A SUBSCRIBE that makes a dialog."""
        event, expires = request.get("event"), _expires(request)
        package = event.partition(";")[0].strip().lower()
        on_subscribe = self._events.get(package)
        if on_subscribe is None or not event.isascii():
            transaction.respond(489, "Bad Event", [("Allow-Events", self.allow_events)])
        elif not request.contact_uri:
            transaction.respond(400, "Broken Contact")
        elif not (uri.is_valid(request.from_uri) and uri.is_valid(request.to_uri)):
            transaction.respond(400, "Broken From Or To")
        elif not all(is_route(value) for value in request.values("record-route")):
            transaction.respond(400, "Broken Record-Route")
        elif not self._is_too_brief(expires, transaction):
            dialog = Dialog.of_request(request, transaction.source, self.layer.new_tag(), 0)
            subscription = Subscription(self, dialog, request.uri, event, expires, self._contact)
            subscription.is_asked(transaction)
            on_subscribe(subscription)

    def receive_in_dialog(self, request: Request, transaction: ServerTransaction) -> None:
        """A SUBSCRIBE in a dialog: of a subscription that lives there."""
        found = self.find(request, request.get("event"))
        expires = _expires(request)
        if found is None:
            transaction.respond(481)
        elif request.cseq < found.dialog.remote_seq:
            transaction.respond(500, "CSeq Out Of Order")
        elif not self._is_too_brief(expires, transaction):
            found.dialog.remote_seq = request.cseq
            found.is_refreshed(request, transaction, expires)

    def _is_too_brief(self, expires: int, transaction: ServerTransaction) -> bool:
        if expires == 0 or expires >= LEAST:
            return False
        transaction.respond(423, "", [("Min-Expires", str(LEAST))])
        return True


def _expires(request: Request) -> int:
    asked = headers.number(request.get("expires"))
    return DEFAULT if asked < 0 else min(asked, DEFAULT)
