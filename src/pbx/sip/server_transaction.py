"""Server transactions: requests that came to us (RFC 3261 §17.2, RFC 6026 §8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pbx.sip.address import Address
from pbx.sip.message import Request
from pbx.sip.render import Headers, echo_block, header_lines, render_response
from pbx.sip.timers import Timer
from pbx.sip.transaction_state import T1, T2, T4, TIMEOUT, State

if TYPE_CHECKING:
    from pbx.sip.transaction_layer import TransactionLayer

ServerKey = tuple[str, str, str]  # branch, sent-by, method


class InviteUser(Protocol):
    """Who answers an INVITE and may see it cancelled."""

    def cancelled(self, request: Request) -> None:
        """A CANCEL came before the final response; the 200 to it is sent, the 487 is the user's."""


class ServerTransaction:
    """What both machines share, and what the application gets for a request outside of calls.

    `respond` may be called now or later; the first final response counts, further ones are ignored.
    """

    __slots__ = (
        "_echo",
        "_last",
        "_layer",
        "_life",
        "_to",
        "fallback",
        "is_merged",
        "key",
        "local_tag",
        "merge_key",
        "reply_to",
        "request",
        "source",
        "state",
        "user",
    )
    _first: State

    def __init__(self, layer: TransactionLayer, key: ServerKey, request: Request, source: Address) -> None:
        self._layer = layer
        self.key = key
        self.request: Request | None = request
        self.source = source
        self.reply_to, self.fallback = reply_address(request, source)
        self.merge_key: tuple[str, str, int] | None = None
        self.is_merged = False  # the same request came by another path and is in work (RFC 3261 §8.2.2.2)
        self.local_tag = request.to_tag
        self.state = self._first
        self.user: InviteUser | None = None
        self._echo = echo_block(request, source)
        self._to = request.get("to")
        self._last = b""
        self._life: Timer | None = None

    @property
    def is_answered(self) -> bool:
        """True once a final response was sent."""
        return self.state is not State.TRYING and self.state is not State.PROCEEDING

    def respond(self, status: int, reason: str = "", headers: Headers = (), body: bytes = b"") -> None:
        """Send a response; all but 100 get a To tag."""
        self.respond_lines(status, reason, header_lines(headers), body)

    def respond_lines(self, status: int, reason: str, lines: str, body: bytes) -> None:
        """`respond` with finished header lines."""
        if self.is_answered:
            return
        self._last = render_response(status, reason, self._echo, self._tagged(status), lines, body)
        if status >= 200:
            self._echo = self._to = ""
            self.request = None
        self._layer.send(self.reply_to, self._last)
        if status >= 200:
            self._finish(status)
        else:
            self.state = State.PROCEEDING

    def _tagged(self, status: int) -> str:
        request = self.request
        if status == 100 or (request is not None and request.to_tag):
            return self._to
        if not self.local_tag:
            self.local_tag = self._layer.new_tag()
        return f"{self._to};tag={self.local_tag}"

    def _finish(self, status: int) -> None:
        raise NotImplementedError

    def receive_again(self) -> None:
        """The same request came once more."""
        if self._last and self.state is not State.ACCEPTED and self.state is not State.CONFIRMED:
            self._layer.send(self.reply_to, self._last)

    def unreachable(self) -> None:
        """The connection that the request came by is gone: answer to the sent-by address (RFC 3261 §18.2.2)."""
        if self.fallback is not None:
            self.reply_to, self.fallback = self.fallback, None
            if self._last:
                self._layer.send(self.reply_to, self._last)

    def terminate(self) -> None:
        if self.state is not State.TERMINATED:
            self.state = State.TERMINATED
            if self._life is not None:
                self._life.cancel()
            self._last = b""
            self.request = None
            self.user = None
            self._layer.forget_server(self)


class ServerInvite(ServerTransaction):
    """INVITE: Proceeding → Accepted (2xx, RFC 6026) or Completed → Confirmed → Terminated.

    No 100 is sent by itself: whoever takes the call sends it once the call is safely his (the edge counts on that).
    """

    __slots__ = ("_interval", "_retransmit")
    _first = State.PROCEEDING

    def __init__(self, layer: TransactionLayer, key: ServerKey, request: Request, source: Address) -> None:
        super().__init__(layer, key, request, source)
        self._interval = T1
        self._retransmit: Timer | None = None

    def _finish(self, status: int) -> None:
        timers = self._layer.timers
        if status < 300:
            self.state = State.ACCEPTED
            self._last = b""  # whoever accepted repeats its 2xx until the ACK (RFC 3261 §13.3.1.4)
            self._life = timers.start(TIMEOUT, self.terminate)  # timer L
            return
        self.state = State.COMPLETED
        self.user = None
        self._life = timers.start(TIMEOUT, self.terminate)  # timer H
        if self.reply_to.transport == "udp":
            self._retransmit = timers.start(self._interval, self._again)

    def send_2xx(self, status: int, lines: str, body: bytes) -> bytes:
        """Send a 2xx and return its bytes, for its retransmissions."""
        data = render_response(status, "", self._echo, self._tagged(status), lines, body)
        self._echo = self._to = ""
        self.request = None
        self._layer.send(self.reply_to, data)
        self._finish(status)
        return data

    def _again(self) -> None:  # timer G
        self._layer.send(self.reply_to, self._last)
        self._interval = min(self._interval * 2, T2)
        self._retransmit = self._layer.timers.start(self._interval, self._again)

    def receive_ack(self) -> None:
        """The ACK of a final response above 299."""
        if self.state is State.COMPLETED:
            self.state = State.CONFIRMED
            self._last = b""
            self._stop_retransmission()
            if self._life is not None:
                self._life.cancel()
            if self.reply_to.transport == "udp":
                self._life = self._layer.timers.start(T4, self.terminate)  # timer I
            else:
                self.terminate()

    def _stop_retransmission(self) -> None:
        if self._retransmit is not None:
            self._retransmit.cancel()
            self._retransmit = None

    def terminate(self) -> None:
        self._stop_retransmission()
        super().terminate()


class ServerRequest(ServerTransaction):
    """Any other method: Trying → Proceeding → Completed → Terminated."""

    __slots__ = ()
    _first = State.TRYING

    def _finish(self, status: int) -> None:
        self.state = State.COMPLETED
        if self.reply_to.transport == "udp":
            self._life = self._layer.timers.start(TIMEOUT, self.terminate)  # timer J
        else:
            self.terminate()


def reply_address(request: Request, source: Address) -> tuple[Address, Address | None]:
    """Where responses go, and where else when that connection is gone (RFC 3261 §18.2.2, RFC 3581 §4)."""
    via = request.via
    port = via.port or 5060
    if source.transport == "udp":
        return (source if via.rport or port == source.port else source._replace(port=port)), None
    return source, source._replace(port=port)
