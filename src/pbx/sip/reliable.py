"""Provisional responses that the peer confirms by PRACK (RFC 3262), one at a time, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pbx.sip import headers
from pbx.sip.server_transaction import ServerInvite
from pbx.sip.timers import Timer
from pbx.sip.transaction_state import T1, TIMEOUT

if TYPE_CHECKING:
    from pbx.sip.incoming_invite import IncomingInvite
    from pbx.sip.message import Request

RSEQ_LIMIT = 2**31 - 2000  # the first number leaves room for those that follow (§3)


class ReliableProvisionals:
    """Those of one INVITE: sent at T1, 2·T1, 4·T1 … until the PRACK comes, given up after 64·T1."""

    __slots__ = ("_interval", "_invite", "_life", "_open", "_queue", "_repeat", "_rseq", "_transaction", "sdp_was_sent")

    def __init__(self, invite: IncomingInvite, transaction: ServerInvite, first: int) -> None:
        self._invite = invite
        self._transaction = transaction
        self._rseq = first - 1
        self._open = False  # one was sent and waits for its PRACK
        self._queue: list[tuple[int, str, str, bytes]] = []
        self._interval = T1
        self._repeat: Timer | None = None
        self._life: Timer | None = None
        self.sdp_was_sent = False  # in one of them: none of the others, nor the 2xx, may bear another

    def snapshot(self) -> dict[str, Any]:
        """Where the numbers stand, as plain values; one that waits for its PRACK is taken for lost."""
        return {"rseq": self._rseq, "sdp_was_sent": self.sdp_was_sent}

    @property
    def holds_back_answer(self) -> bool:
        """A 2xx has to wait for the PRACK of one that bears an SDP (§3)."""
        return self.sdp_was_sent and (self._open or bool(self._queue))

    def send(self, status: int, reason: str, lines: str, body: bytes) -> None:
        """Send it, or keep it until the one before is confirmed."""
        self.sdp_was_sent = self.sdp_was_sent or bool(body)
        self._queue.append((status, reason, lines, body))
        if not self._open:
            self._next()

    def _next(self) -> None:
        if not self._queue:
            return
        status, reason, lines, body = self._queue.pop(0)
        self._open = True
        self._rseq += 1
        self._interval = T1
        timers = self._invite.layer.timers
        self._transaction.respond_lines(status, reason, f"Require: 100rel\r\nRSeq: {self._rseq}\r\n{lines}", body)
        self._repeat = timers.start(T1, self._again)
        self._life = timers.start(TIMEOUT, self._give_up)

    def _again(self) -> None:
        self._transaction.receive_again()
        self._interval *= 2
        self._repeat = self._invite.layer.timers.start(self._interval, self._again)

    def _give_up(self) -> None:
        self.stop()
        self._invite.unconfirmed()

    def is_of(self, prack: Request) -> bool:
        """True when this PRACK confirms the one that is open."""
        return self._open and headers.rack(prack.get("rack")) == (self._rseq, self._invite.cseq, "INVITE")

    def confirm(self) -> None:
        """The PRACK came: the next one may go."""
        self._stop_timers()
        self._open = False
        self._next()

    def stop(self) -> None:
        """A final response is on its way."""
        self._stop_timers()
        self._open = False
        self._queue.clear()

    def _stop_timers(self) -> None:
        for timer in (self._repeat, self._life):
            if timer is not None:
                timer.cancel()
        self._repeat = self._life = None
