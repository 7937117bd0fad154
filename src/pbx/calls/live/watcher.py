"""One subscription of a device of ours to somebody's calls or to its own messages (RFC 4235, RFC 3842)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pbx.model.objects import Tenant
from pbx.sip import dialog_info, message_summary
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
    """`node` is what is watched (`user/ivanov`, `messages/ivanov`); `numbers`: it may know who talks with whom."""

    __slots__ = (
        "_presence",
        "device",
        "entity",
        "failed",
        "failures",
        "is_held",
        "kept_seq",
        "node",
        "numbers",
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
        numbers: bool,
    ) -> None:
        self._presence = presence
        self.subscription = subscription
        self.tenant = tenant.id
        self.device = device  # `<user>-<device>`
        self.node = node
        self.entity = f"sip:{user_of(subscription.resource)}@{tenant.domain}"
        self.numbers = numbers
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

    def tell(self, now: float) -> None:
        """A NOTIFY with the whole state, as it is when it leaves."""
        self.told = now
        self.subscription.notify(self.body, CONTENT_TYPES[self.subscription.package])

    def body(self, version: int) -> bytes:
        """What is told now."""
        if self.subscription.package == MESSAGES:
            return self._presence.messages(self)
        dialogs = self._presence.dialogs(self)
        return dialog_info.document(self.entity, version, dialogs if self.numbers else map(_without_remote, dialogs))

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
        self._presence.refreshed(self)

    def delayed(self, subscription: Subscription, after: int) -> None:
        self._presence.delayed(self, after)

    def unsubscribed(self, subscription: Subscription, cause: str) -> None:
        self._presence.forget(self)


def _without_remote(dialog: WatchedDialog) -> WatchedDialog:
    return replace(dialog, remote="") if dialog.remote else dialog
