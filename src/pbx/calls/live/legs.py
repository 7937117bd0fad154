"""Legs over SIP: the caller's INVITE session and those that we start. They translate; they decide nothing."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Sequence

from pbx.calls.leg import CalleeLeg, CallerLeg, CallTarget, DeviceTarget, Leg, Target
from pbx.calls.live.media import CALLER, CallMedia
from pbx.media.engine_client import EngineError
from pbx.media.ng import NgError, NgTimeout
from pbx.sip.history import redirected_to
from pbx.sip.message import Request, Response
from pbx.sip.referral import Referral
from pbx.sip.sdp import SdpError, is_secret
from pbx.sip.session import InviteSession
from pbx.sip.uri import user_of

ELSEWHERE = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')  # RFC 3326
NOT_ACCEPTABLE = 488
TO_BE_RUNG = "to be rung"  # the state of a caller who has no leg yet
OFFER_REFUSED = (415, NOT_ACCEPTABLE, 606)  # the media that we offered, not the call
UNUSABLE = (SdpError, NgError, NgTimeout, EngineError)  # what a broken SDP, the relay or the engine says

log = logging.getLogger(__name__)


class _Offers:
    """Offers in the middle of a call, from either side: the media answers them."""

    def __init__(self, tag: str, media: CallMedia) -> None:
        self._tag = tag
        self.media = media
        self._tasks: set[asyncio.Task[None]] | None = None  # asyncio itself would forget them

    def offered(self, session: InviteSession, sdp: bytes | None) -> None:
        self.do(self._answer(session, sdp))

    def agreed(self, session: InviteSession, sdp: bytes) -> None:
        """The peer answered an offer of ours: for the relay that is the same as an offer of the peer's own."""
        self.do(self._take(session, sdp))

    async def _take(self, session: InviteSession, sdp: bytes) -> None:
        try:
            await self.media.reoffer(self._tag, sdp)
        except UNUSABLE as error:  # nobody would hear anything
            log.warning("leg %s of %s: its answer is of no use: %s", self._tag, session.call_id, error)
            listener = session.listener
            session.bye()
            listener.ended(session, None, "no_answer")

    def do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks = self._tasks or set()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_to(self, sdp: bytes | None) -> bytes:
        if not sdp:
            return self.media.offer_again(self._tag)
        if self.media.is_for_the_peer(self._tag, sdp):
            return await self.media.pass_on(self._tag, sdp)
        return await self.media.reoffer(self._tag, sdp)

    async def _answer(self, session: InviteSession, sdp: bytes | None) -> None:
        try:
            answer = await self._answer_to(sdp)
        except UNUSABLE as error:  # the call goes on as it was
            log.warning("leg %s of %s: its offer is of no use: %s", self._tag, session.call_id, error)
            session.refuse_offer(NOT_ACCEPTABLE)
            return
        except Exception:
            session.refuse_offer(NOT_ACCEPTABLE)
            raise
        session.answer_offer(answer)


class _Listens(Leg):
    """What both sides do with what their session tells: `SessionListener`, silent where a side does not care."""

    _offers: _Offers
    on_referral: Callable[[Leg, Referral], None] | None = None
    _reoffered: asyncio.Future[bytes | None] | None = None

    def progressed(self, session: InviteSession, response: Response, sdp: bytes | None) -> None: ...

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None: ...

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None: ...

    def confirmed(self, session: InviteSession) -> None: ...

    def reoffer(self, session: InviteSession, sdp: bytes) -> asyncio.Future[bytes | None]:
        """Send a re-INVITE; the answer, None when it is refused or cannot be sent now."""
        self._reoffered = asyncio.get_running_loop().create_future()
        if session.may_offer:
            session.reinvite(sdp)
        else:
            self._reoffered.set_result(None)
        return self._reoffered

    def reinvited(self, session: InviteSession, status: int, sdp: bytes | None) -> None:
        if self._reoffered is not None and not self._reoffered.done():
            self._reoffered.set_result(sdp if status < 300 else None)

    def offered(self, session: InviteSession, request: Request, sdp: bytes | None) -> None:
        self._offers.offered(session, sdp)

    def agreed(self, session: InviteSession, sdp: bytes) -> None:
        self._offers.agreed(session, sdp)

    def informed(self, session: InviteSession, request: Request) -> None:
        for digit in digits_of(request):
            if not self._offers.media.talks(self.tag):
                self.digits.put_nowait(digit)
            elif self.on_typed is not None:
                self.on_typed(digit, duration_of(request), False)
            else:
                self._offers.do(self._pass_on(digit, duration_of(request)))

    async def _pass_on(self, digit: str, milliseconds: int) -> None:
        try:
            await self._offers.media.press(self.tag, digit, milliseconds)
        except UNUSABLE as error:
            log.warning("leg %s: a digit of it is lost: %s", self.tag, error)  # which one may be of a PIN

    def referred(self, session: InviteSession, referral: Referral) -> None:
        if self.on_referral is not None:
            self.on_referral(self, referral)
        else:
            referral.reject()

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        if self._reoffered is not None and not self._reoffered.done():
            self._reoffered.set_result(None)
        self.end(cause)


class SipCaller(_Listens, CallerLeg):
    """The caller: we are the UAS of its INVITE."""

    def __init__(self, session: InviteSession, label: str, media: CallMedia) -> None:
        super().__init__(CALLER, label)
        self.session = session
        self._offers = _Offers(CALLER, media)
        session.listener = self

    def ring(self) -> None:
        if self.state == "new":
            self.state = "ringing"
            self.session.provisional(180)  # the session repeats it each minute (RFC 3261 §13.3.1.1)

    def early(self, sdp: bytes) -> None:
        """183 with media."""
        if self.state in ("new", "ringing"):
            self.state = "early"
            self.session.provisional(183, sdp=sdp)

    def accept(self, sdp: bytes) -> None:
        """200 OK."""
        if self.state != "down":
            self.state = "up"
            self.session.accept(sdp)

    def reject(self, status: int, reason: str = "", cause: int | None = None) -> None:
        if self.state not in ("up", "down"):
            self.state = "down"
            self.session.reject(status, reason, [("Reason", f"Q.850;cause={cause}")] if cause is not None else ())

    def hang_up(self) -> None:
        if self.state == "up":
            self.state = "down"
            self.session.bye()
        elif self.state != "down":
            self.reject(480)

    # --- SessionListener --------------------------------------------------------------------------------------------

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        self.state = "down"
        super().ended(session, request, cause)


class FetchedCaller(SipCaller):
    """A caller who did not call us: has no leg until one of its devices has answered, where we are the UAC."""

    def __init__(self, label: str, media: CallMedia) -> None:
        CallerLeg.__init__(self, CALLER, label)
        self.state = TO_BE_RUNG
        self._offers = _Offers(CALLER, media)

    def take(self, label: str, session: InviteSession) -> None:
        """The device that answered."""
        self.label, self.session, self.state = label, session, "up"
        session.listener = self

    def reject(self, status: int, reason: str = "", cause: int | None = None) -> None:
        """There is nobody to tell."""
        self.state = "down"


class SipCallee(_Listens, CalleeLeg):
    """A leg that we ring: we are the UAC of its INVITE. `sdp` is the last that it sent, `offer` what we offered it."""

    def __init__(self, tag: str, target: Target, offer: bytes, media: CallMedia, hosts: Sequence[str] = ()) -> None:
        super().__init__(tag, target.label, target)
        self._hosts = hosts  # those of our own: a 3xx to any other is not followed
        self.offer = offer
        self.sdp: bytes | None = None
        self.session: InviteSession | None = None
        self._offers = _Offers(tag, media)
        self.breadth: int | None = None  # how far it may be forked further on (RFC 5393); None: nobody says
        self.in_other_words: Callable[[], Coroutine[None, None, None]] | None = None  # another offer, made once

    @property
    def is_open(self) -> bool:
        """The other side may still think that we want something of it."""
        return self.session is not None and not self.session.is_ended and not self.gone.done()

    def early(self, sdp: bytes) -> None:
        """As the caller: it is answered, and hears what it hears."""

    def accept(self, sdp: bytes) -> None:
        """As the caller: it is answered, and its SDP stays as it was."""

    @classmethod
    def of_caller(cls, caller: SipCaller, target: Target, media: CallMedia) -> SipCallee:
        """The caller, in the callee's place."""
        leg = cls(caller.tag, target, b"", media)
        leg.session, leg.on_referral, leg.state = caller.session, caller.on_referral, caller.state
        leg._digits, leg.gone = caller._digits, caller.gone
        if not leg.gone.done():
            caller.session.listener = leg
        leg.resolve(200)
        return leg

    def cancel(self, *, elsewhere: bool) -> None:
        if self.session is not None and not self.outcome.done():
            self.resolve(487, "Request Terminated")
            self.session.cancel([ELSEWHERE] if elsewhere else [])

    def hang_up(self) -> None:
        if self.gone.done():
            return
        if self.session is None:
            self.resolve(487, "Request Terminated")
        elif not self.outcome.done():
            self.cancel(elsewhere=False)
        elif self.outcome.result().status == 200:
            self.session.bye()
        self.end("hung_up")

    # --- SessionListener --------------------------------------------------------------------------------------------

    def progressed(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        if sdp:
            self.sdp = sdp
        self.rang(media=bool(sdp))

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        if self.outcome.done():  # it crossed our CANCEL or our patience
            session.bye()
            return
        self.sdp = sdp or self.sdp
        if self.sdp is None:
            session.bye()
            self.resolve(NOT_ACCEPTABLE, "no SDP in the answer")
            return
        if is_secret(self.offer) and not is_secret(self.sdp):  # RFC 3264 §6.1 does not let it: nobody is to listen
            session.bye()
            self.resolve(NOT_ACCEPTABLE, "answered in clear")
            return
        self.resolve(200)

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None:
        if status in OFFER_REFUSED and self.in_other_words is not None and not self.outcome.done():
            again, self.in_other_words = self.in_other_words, None
            self._offers.do(self._offer_again(again))
            return
        if status == 404 and isinstance(self.target, DeviceTarget):
            status, reason = 480, "not registered"  # the edge's word for a device without a contact
        redirect = ""
        if response is not None and 300 <= status < 400:
            redirect = user_of(redirected_to(response, self._hosts))
        self.resolve(status, reason, redirect)
        self.end("failed")

    async def _offer_again(self, again: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await again()
        except UNUSABLE as error:
            self.resolve(NOT_ACCEPTABLE, str(error))
            self.end("failed")


class Seam(SipCallee):
    """The caller of another call of ours: what ends one call ends the other. Its sound goes from relay to relay, as
    that of a leg whose SDP is the other call's offer."""

    target: CallTarget

    def __init__(self, tag: str, target: CallTarget, media: CallMedia) -> None:
        super().__init__(tag, target, b"", media)
        self.twin: Seam | None = None
        self.resolve(200)

    def hang_up(self) -> None:
        if not self.gone.done():
            self.end("hung_up")
            if self.twin is not None:
                self.twin.end("bye")


def digits_of(request: Request) -> str:
    """The digit of a SIP INFO, `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`)."""
    body = request.body.decode("latin-1").strip()
    kind = (request.get("content-type") or "").partition(";")[0].strip().lower()
    if kind == "application/dtmf-relay":
        body = next((line.partition("=")[2].strip() for line in body.splitlines() if line.startswith("Signal")), "")
    elif kind != "application/dtmf":
        return ""
    return body if len(body) == 1 and body in "0123456789*#ABCD" else ""


def duration_of(request: Request) -> int:
    """How long the key of an INFO was pressed, in ms, where it says so in bounds that are one press."""
    found = re.search(rb"^Duration *= *(\d{1,5})", request.body, re.MULTILINE)
    return min(max(int(found[1]), 60), 2000) if found else 120
