"""One subscription of a device of ours to somebody's calls or to its own messages (RFC 4235, RFC 3842)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pbx.calls.live.lamps import Lamp, States
from pbx.calls.live.lamps import document as list_document
from pbx.model.objects import Tenant
from pbx.sip import dialog_info, message_summary, resource_list
from pbx.sip.dialog_info import WatchedDialog
from pbx.sip.subscription import Subscription
from pbx.sip.uri import user_of

if TYPE_CHECKING:
    from pbx.calls.live.presence import Presence

FORMAT = 1
KEEP_EACH = 500  # NOTIFYs until it is kept anew: a resumed dialog goes on 1,000 above what was kept

DIALOG, MESSAGES = "dialog", "message-summary"
CONTENT_TYPES = {DIALOG: dialog_info.CONTENT_TYPE, MESSAGES: message_summary.CONTENT_TYPE}


class Watcher:
    """`node` is what is watched (`user/ivanov`, `messages/ivanov`, `list/ivanov`: all of its `lamps`); `known` are the
    nodes of which it may know who talks with whom."""

    __slots__ = (
        "_before",
        "_presence",
        "device",
        "domain",
        "entity",
        "failed",
        "failures",
        "is_held",
        "kept_seq",
        "known",
        "lamps",
        "node",
        "subscription",
        "tenant",
        "told",
    )

    def __init__(
        self,
        presence: Presence,
        subscription: Subscription,
        tenant: Tenant,
        device: str,
        node: str,
        *,
        known: frozenset[str],
        lamps: tuple[Lamp, ...] = (),
    ) -> None:
        self._presence = presence
        self.subscription = subscription
        self.tenant = tenant.id
        self.device = device  # `<user>-<device>`
        self.node = node
        self.lamps = lamps
        self.domain = tenant.domain
        self.entity = f"sip:{user_of(subscription.resource)}@{tenant.domain}"
        self.known = known
        self._before: States | None = None  # of a list: what it was told last
        self.told = 0.0  # when it was told last, by the loop's clock
        self.is_held = False  # it cannot be reached now, and is tried again later
        self.failed = 0.0  # when that was so last
        self.failures = 0  # in a row
        self.kept_seq = -1  # our CSeq when it was kept last
        subscription.listener = self

    @property
    def id(self) -> str:
        """64 random bits in hexadecimal: our tag of the dialog."""
        return self.subscription.dialog.local_tag

    @property
    def is_to_be_kept(self) -> bool:
        return self.kept_seq < 0 or self.subscription.dialog.local_seq - self.kept_seq >= KEEP_EACH

    @property
    def nodes(self) -> tuple[str, ...]:
        """All whose changes it is told of."""
        return (self.node, *(lamp.node for lamp in self.lamps))

    def forgets(self) -> None:
        """What it was told may not have come: it is told all once more."""
        self._before = None

    def tell(self, now: float) -> None:
        """A NOTIFY with the state, as it is when it leaves: whole, or of a list what has changed."""
        self.told = now
        is_list = self.subscription.requires == resource_list.OPTION
        kind = resource_list.content_type(self.domain) if is_list else CONTENT_TYPES[self.subscription.package]
        self.subscription.notify(self.body, kind)

    def body(self, version: int) -> bytes:
        """What is told now."""
        if self.subscription.package == MESSAGES:
            return self._presence.messages(self)
        if self.subscription.requires == resource_list.OPTION:
            now = {lamp.node: tuple(self._dialogs(lamp.node)) for lamp in self.lamps}
            before, self._before = self._before, now
            return list_document(self.lamps, self.domain, version, now, before)
        return dialog_info.document(self.entity, version, self._dialogs(self.node))

    def _dialogs(self, node: str) -> Iterable[WatchedDialog]:
        dialogs = self._presence.dialogs(self.tenant, node)
        return dialogs if node in self.known else map(_without_remote, dialogs)

    def document(self, until: float) -> dict[str, Any]:
        """As plain values; `until` is when it expires, in seconds of UTC."""
        self.kept_seq = self.subscription.dialog.local_seq
        return {
            "format": FORMAT,
            "tenant": self.tenant,
            "device": self.device,
            "until": until,
            "subscription": self.subscription.snapshot(),
        }

    # --- SubscriptionListener ---------------------------------------------------------------------------------------

    def refreshed(self, subscription: Subscription) -> None:
        self.forgets()
        self._presence.refreshed(self)

    def delayed(self, subscription: Subscription, after: int) -> None:
        self.forgets()
        self._presence.delayed(self, after)

    def unsubscribed(self, subscription: Subscription, cause: str) -> None:
        self._presence.forget(self)


def _without_remote(dialog: WatchedDialog) -> WatchedDialog:
    return replace(dialog, remote="") if dialog.remote else dialog
