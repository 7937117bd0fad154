"""A REFER as a call hears it: whom to send on to, and who is told how it goes (RFC 3515, RFC 5589)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pbx.calls.leg import Leg, Wish
from pbx.sip.referral import Referral
from pbx.sip.replaces import Replaces
from pbx.sip.uri import host_of, user_of

LegOf = Callable[[Replaces], tuple[str, Leg] | None]


class SipWish(Wish):
    """The wish of a REFER."""

    def __init__(self, by: Leg, referral: Referral, digits: str, call: str, leg: Leg | None) -> None:
        self.by, self.digits, self.call, self.leg = by, digits, call, leg
        self._referral = referral
        self._is_finished = False

    def accept(self) -> None:
        self._referral.accept()

    def reject(self, status: int) -> None:
        self._referral.reject(status)

    def progress(self, status: int) -> None:
        if not self._is_finished:
            self._referral.progress(status)

    def finish(self, status: int) -> None:
        if not self._is_finished:
            self._is_finished = True
            self._referral.finish(status)


def wish_of(by: Leg, referral: Referral, hosts: Collection[str], leg_of: LegOf) -> SipWish | None:
    """None for what is not done: only telephones of ours transfer, and only to our own hosts; a call that is to be
    replaced must be there."""
    is_ours = host_of(referral.target) in hosts or referral.target.lower().startswith("tel:")
    if not by.label.startswith("device ") or not is_ours:
        return None
    if referral.replaces is None:
        return SipWish(by, referral, user_of(referral.target), "", None)
    found = leg_of(referral.replaces)
    return None if found is None else SipWish(by, referral, user_of(referral.target), *found)
