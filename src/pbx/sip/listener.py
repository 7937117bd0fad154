"""What a session tells its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pbx.sip.message import Request, Response

if TYPE_CHECKING:
    from pbx.sip.referral import Referral
    from pbx.sip.session import InviteSession


class SessionListener(Protocol):
    """Called by the stack while it handles a message or a timer; may use the session at once."""

    def progressed(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        """uac: a 101–199 with a To tag; of several early dialogs each tells."""

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        """uac: the first 2xx. It is ACKed, unless our INVITE had no SDP: then `answer_offer` sends the ACK."""

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None:
        """uac: the call did not come about. `response` is None for 408 (no answer in time) and 503 (unreachable)."""

    def confirmed(self, session: InviteSession) -> None:
        """uas: the ACK of our 2xx came."""

    def offered(self, session: InviteSession, request: Request, sdp: bytes | None) -> None:
        """A re-INVITE or UPDATE; `sdp` None asks us for an offer. Answer by `answer_offer` or `refuse_offer`."""

    def reinvited(self, session: InviteSession, status: int, sdp: bytes | None) -> None:
        """The result of our `reinvite`, the answer with a 2xx."""

    def agreed(self, session: InviteSession, sdp: bytes) -> None:
        """The peer's answer to an offer that we made in a response: it came in the ACK, or in a PRACK."""

    def informed(self, session: InviteSession, request: Request) -> None:
        """An INFO came and is answered."""

    def referred(self, session: InviteSession, referral: Referral) -> None:
        """The peer asks us to call somebody for it (only where the stack serves transfers)."""

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        """The other side ended it: "bye", "cancel" (uas, 487 is sent), "no_ack", "no_answer" (an ACK without the
        answer that our offer waits for) or "timeout" (our BYE is sent)."""


class Deaf:
    """The listener of a session that has none yet, or has ended."""

    def progressed(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        pass

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        pass

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None:
        pass

    def confirmed(self, session: InviteSession) -> None:
        pass

    def offered(self, session: InviteSession, request: Request, sdp: bytes | None) -> None:
        session.refuse_offer(488)

    def reinvited(self, session: InviteSession, status: int, sdp: bytes | None) -> None:
        pass

    def agreed(self, session: InviteSession, sdp: bytes) -> None:
        pass

    def informed(self, session: InviteSession, request: Request) -> None:
        pass

    def referred(self, session: InviteSession, referral: Referral) -> None:
        referral.reject()

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        pass


DEAF = Deaf()
