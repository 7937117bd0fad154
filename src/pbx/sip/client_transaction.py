"""Client transactions: our requests (RFC 3261 §17.1, RFC 6026 §8.4).

A machine is fed by `start`, `receive` and its timers; it sends through the layer and tells its user. What it does not
need any more (the request, its bytes) it drops at once: a finished transaction lives on for up to 32 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pbx.sip.address import Address
from pbx.sip.message import Response
from pbx.sip.render import Headers, Outgoing
from pbx.sip.timers import Timer
from pbx.sip.transaction_state import T1, T2, T4, TIMEOUT, TIMER_D, State

if TYPE_CHECKING:
    from pbx.sip.transaction_layer import TransactionLayer


class ClientUser(Protocol):
    """Who sent the request."""

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        """Each provisional response, the first final one; every 2xx of an INVITE."""

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """No final response: 408 in time, 503 the peer cannot be reached."""


class ClientTransaction:
    """What both machines share."""

    __slots__ = (
        "_data",
        "_interval",
        "_layer",
        "_life",
        "_retransmit",
        "branch",
        "destination",
        "is_switched",
        "outgoing",
        "state",
        "user",
    )
    _first: State

    def __init__(
        self,
        layer: TransactionLayer,
        outgoing: Outgoing,
        branch: str,
        destination: Address,
        data: bytes,
        user: ClientUser,
    ) -> None:
        self._layer = layer
        self.outgoing = outgoing
        self.branch = branch
        self.destination = destination
        self.user: ClientUser | None = user
        self.is_switched = False  # from UDP to TCP, for its size
        self.state = self._first
        self._data = data
        self._interval = T1
        self._retransmit: Timer | None = None
        self._life: Timer | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.branch, self.outgoing.method

    @property
    def is_unheard(self) -> bool:
        """Nothing came back yet."""
        return self.state is State.CALLING or self.state is State.TRYING

    def start(self) -> None:
        """Send the request; start timers A and B, or E and F."""
        self._layer.send(self.destination, self._data)
        self._life = self._layer.timers.start(TIMEOUT, self._timed_out)
        if self.destination.transport == "udp":
            self._retransmit = self._layer.timers.start(T1, self._again)

    def fall_back(self, destination: Address, data: bytes) -> None:
        """Send anew over another transport (RFC 3261 §18.1.1: the stream was refused)."""
        self._stop_timers()
        self.destination, self._data = destination, data
        self.start()

    def receive(self, response: Response) -> None:
        raise NotImplementedError

    def unreachable(self) -> None:
        """The connection was refused or closed. After a provisional response the final one may find its own way."""
        if self.is_unheard:
            self._give_up(503)

    def _again(self) -> None:
        raise NotImplementedError

    def _timed_out(self) -> None:
        self._give_up(408)

    def _give_up(self, status: int) -> None:
        user = self.user
        self.terminate()
        if user is not None:
            user.failed(self, status)

    def _stop_timers(self) -> None:
        for timer in (self._retransmit, self._life):
            if timer is not None:
                timer.cancel()
        self._retransmit = self._life = None

    def terminate(self) -> None:
        """Forget the transaction; its user hears nothing more."""
        if self.state is not State.TERMINATED:
            self.state = State.TERMINATED
            self._stop_timers()
            self._data = b""
            self.user = None
            self._layer.forget_client(self)


class ClientInvite(ClientTransaction):
    """INVITE: Calling → Proceeding → Accepted (2xx, RFC 6026) or Completed (the ACK is ours) → Terminated."""

    __slots__ = ("_ack",)
    _first = State.CALLING

    def receive(self, response: Response) -> None:
        state, status = self.state, response.status
        if state is State.CALLING or state is State.PROCEEDING:
            if status < 200:
                self._proceed()
            elif status < 300:
                self._accept()
            else:
                self._complete(response)
        elif state is State.COMPLETED:
            if status >= 300:
                self._layer.send(self.destination, self._ack)
            return
        elif state is not State.ACCEPTED or not 200 <= status < 300:
            return
        user = self.user
        if status >= 300:
            self.user = None
            if self.destination.transport != "udp":
                self.terminate()  # timer D is 0 on a stream
        if user is not None:
            user.received(self, response)

    def _proceed(self) -> None:
        if self.state is State.CALLING:
            self.state = State.PROCEEDING
            self._stop_timers()
            self._data = b""

    def _accept(self) -> None:
        self.state = State.ACCEPTED
        self._stop_timers()
        self._data = b""
        self._life = self._layer.timers.start(TIMEOUT, self.terminate)  # timer M
        self.outgoing.shed()

    def _complete(self, response: Response) -> None:
        self.state = State.COMPLETED
        self._stop_timers()
        self._data = b""
        ack = self.outgoing.ack_of_failure(response.get("to"))
        self._ack = ack.render(self._layer.via(self.destination.transport, self.branch))
        self._layer.send(self.destination, self._ack)
        self.outgoing.shed()
        if self.destination.transport == "udp":
            self._life = self._layer.timers.start(TIMER_D, self.terminate)

    def _again(self) -> None:  # timer A
        self._layer.send(self.destination, self._data)
        self._interval *= 2
        self._retransmit = self._layer.timers.start(self._interval, self._again)

    def cancel(self, headers: Headers, user: ClientUser) -> None:
        """Send a CANCEL for this INVITE, hop by hop, with the same branch (RFC 3261 §9.1)."""
        self._layer.request(self.outgoing.cancel(headers), self.destination, user, branch=self.branch)


class ClientRequest(ClientTransaction):
    """Any other method: Trying → Proceeding → Completed → Terminated."""

    __slots__ = ()
    _first = State.TRYING

    def receive(self, response: Response) -> None:
        if self.state is not State.TRYING and self.state is not State.PROCEEDING:
            return
        user = self.user
        if response.status < 200:
            self.state = State.PROCEEDING
        elif self.destination.transport == "udp":
            self.state = State.COMPLETED
            self._stop_timers()
            self._data = b""
            self.user = None
            self._life = self._layer.timers.start(T4, self.terminate)  # timer K
        else:
            self.terminate()
        if user is not None:
            user.received(self, response)

    def _again(self) -> None:  # timer E
        self._layer.send(self.destination, self._data)
        self._interval = T2 if self.state is State.PROCEEDING else min(self._interval * 2, T2)
        self._retransmit = self._layer.timers.start(self._interval, self._again)
