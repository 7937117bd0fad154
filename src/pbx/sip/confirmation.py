"""The 2xx of an INVITE, repeated until its ACK comes (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from pbx.sip.server_transaction import ServerInvite
from pbx.sip.timers import Timer
from pbx.sip.transaction_layer import TransactionLayer
from pbx.sip.transaction_state import T1, T2, TIMEOUT


class UnconfirmedAnswer:
    """Repeats a 2xx at T1, 2·T1 … T2, also over TCP, and gives up after 64·T1."""

    __slots__ = ("_data", "_interval", "_layer", "_life", "_lost", "_repeat", "_transaction", "cseq", "wants_answer")

    def __init__(
        self,
        layer: TransactionLayer,
        transaction: ServerInvite,
        data: bytes,
        *,
        cseq: int,
        wants_answer: bool,
        lost: Callable[[], None],
    ) -> None:
        self.cseq = cseq  # of the INVITE, and so of the ACK that is waited for
        self.wants_answer = wants_answer  # our 2xx held an offer: the ACK holds the answer
        self._layer = layer
        self._transaction = transaction
        self._data = data
        self._lost = lost
        self._interval = T1
        self._repeat: Timer = layer.timers.start(T1, self._again)
        self._life: Timer = layer.timers.start(TIMEOUT, self._give_up)

    def _again(self) -> None:
        self._layer.send(self._transaction.reply_to, self._data)
        self._interval = min(self._interval * 2, T2)
        self._repeat = self._layer.timers.start(self._interval, self._again)

    def _give_up(self) -> None:
        self.stop()
        self._lost()

    def stop(self) -> None:
        """The ACK came, or the call is over."""
        self._repeat.cancel()
        self._life.cancel()
