"""Session timers (RFC 4028): a call whose other end is gone without a word is found and ended.

Each leg is refreshed by one side before the interval is over; the other side ends the call when no refresh came. A
peer that does not know the extension is asked by us all the same (§7.2): its silence, or a 481, ends the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pbx.sip import headers
from pbx.sip.dialog_request import DialogRequest
from pbx.sip.message import Message, Request, Response
from pbx.sip.render import MAX_FORWARDS

if TYPE_CHECKING:
    from pbx.sip.server_transaction import ServerTransaction
    from pbx.sip.session import InviteSession

INTERVAL = 1800  # seconds, asked for by us
RESUMED_WITHIN = 10  # seconds until the first refresh of a session that another process began
MIN_SE = 90  # seconds: the least that we take (§4), and the default of the RFC
EXPIRED = (("Reason", 'SIP;cause=408;text="Session timer expired"'),)
ASKED_LINES = f"Session-Expires: {INTERVAL}\r\n"


def refuse_interval(request: Request, transaction: ServerTransaction) -> bool:
    """422 to a peer that knows the extension and asks for less than `MIN_SE` (§9); True when it was refused."""
    asked, _ = _wanted(request)
    if not 0 <= asked < MIN_SE or not _knows(request):
        return False
    transaction.respond(422, "", [("Min-SE", str(MIN_SE))])
    return True


class SessionTimer:
    """The timer of one session, which it does not know: a circle would outlive the call. `due` is when something is to
    be done (time of the clock), None before an answer."""

    __slots__ = ("_answer", "_is_ours", "_min_se", "due", "interval")

    def __init__(self) -> None:
        self._min_se = 0  # what a 422 asked for
        self._answer = ""  # our lines in the 2xx
        self._is_ours = True  # we refresh
        self.interval = INTERVAL
        self.due: float | None = None

    # --- negotiation -----------------------------------------------------------------------------------------------

    def asked_lines(self) -> str:
        """Our lines in an INVITE, and in what refreshes: then with who refreshes."""
        if self.due is None and not self._min_se:
            return ASKED_LINES
        who = "" if self.due is None else f";refresher={'uac' if self._is_ours else 'uas'}"
        least = f"Min-SE: {self._min_se}\r\n" if self._min_se else ""
        return f"Session-Expires: {self.interval}{who}\r\n{least}"

    def is_asked(self, request: Request) -> None:
        """An INVITE or a refresh of the peer: what its 2xx will say (`answer_lines`)."""
        knows = _knows(request)
        asked, who = _wanted(request)
        if asked < 0:
            self._answer = f"Session-Expires: {self.interval};refresher=uas\r\n" if knows else ""
            self._is_ours = True
            return
        least = max(MIN_SE, headers.number(request.get("min-se")))
        self.interval = max(asked, least)
        who = who or ("uac" if knows else "uas")
        self._is_ours = who != "uac" or not knows
        require = "" if self._is_ours else "Require: timer\r\n"
        self._answer = f"Session-Expires: {self.interval};refresher={'uas' if self._is_ours else 'uac'}\r\n{require}"

    def answer_lines(self, now: float) -> str:
        """The lines of our 2xx; from here on the time runs."""
        self._rearm(now)
        return self._answer

    def is_answered(self, response: Response, now: float) -> None:
        """A 2xx to our INVITE or refresh; one without the field is of a peer that does not know it: we refresh."""
        granted, who = _wanted(response)
        if granted > 0:
            self.interval = max(granted, MIN_SE)
        self._is_ours = granted <= 0 or who != "uas"
        self._rearm(now)

    def is_too_small(self, response: Response) -> bool:
        """A 422 that the request is worth repeating for."""
        least = headers.number(response.get("min-se"))
        if response.status != 422 or least <= self._min_se:
            return False
        self._min_se = least
        self.interval = max(self.interval, least)
        return True

    def snapshot(self) -> dict[str, Any]:
        return {"interval": self.interval, "is_ours": self._is_ours, "min_se": self._min_se}

    def resume(self, kept: Mapping[str, Any], now: float) -> None:
        """The timer of a session from before. How much of its time is over is not known: we refresh soon, and learn by
        it whether the other end is still there."""
        self.interval, self._is_ours, self._min_se = kept["interval"], kept["is_ours"], kept["min_se"]
        self._rearm(now)
        if self._is_ours:
            self.due = now + RESUMED_WITHIN

    # --- time ------------------------------------------------------------------------------------------------------

    def _rearm(self, now: float) -> None:
        interval = self.interval
        wait = interval / 2 if self._is_ours else interval - min(32, interval / 3)  # §10
        self.due = now + wait

    def run(self, session: InviteSession, now: float) -> None:
        """`due` of this session's timer is over."""
        if not session.is_established:
            return
        if not self._is_ours:
            session.is_over_by_us("timeout", EXPIRED)
            return
        self._rearm(now)
        if session.peer_updates:
            self._update(session)
        else:
            session.offer_as_before()

    def _update(self, session: InviteSession) -> None:
        lines = MAX_FORWARDS + session.media_lines(None) + self.asked_lines()
        DialogRequest(session, "UPDATE", lines, b"", partial(self._updated, session))

    def _updated(self, session: InviteSession, status: int, response: Response | None) -> None:
        if not session.is_established:
            return
        if status in (408, 481):
            session.is_lost()
        elif response is None:
            return
        elif status < 300:
            self.is_answered(response, session.layer.timers.now)
        elif self.is_too_small(response):
            self._update(session)
        elif status in (405, 501):
            session.peer_updates = False
            session.offer_as_before()


def _knows(message: Message) -> bool:
    return headers.has_tag(message.fields.get("supported"), "timer")


def _wanted(message: Message) -> tuple[int, str]:
    """Session-Expires as (seconds, refresher); -1 and an empty word for what it does not say."""
    return _interval(message.get("session-expires")) if "session-expires" in message.fields else (-1, "")


@lru_cache(256)
def _interval(value: str) -> tuple[int, str]:
    return headers.number(value), headers.parameters(";" + value.partition(";")[2]).get("refresher", "").lower()
