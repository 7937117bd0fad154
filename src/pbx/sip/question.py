"""OPTIONS outside of a dialog: is the peer there? (RFC 3261 §11)"""

from __future__ import annotations

from collections.abc import Callable

from pbx.sip.address import Address
from pbx.sip.client_transaction import ClientTransaction
from pbx.sip.message import Response
from pbx.sip.render import MAX_FORWARDS, Headers, Outgoing, header_lines
from pbx.sip.transaction_layer import TransactionLayer


class Question:
    """One OPTIONS; `done` gets its final status, 408 for none and 503 for a peer that cannot be reached, and before
    that `heard` the final response itself, if there is one."""

    def __init__(
        self,
        layer: TransactionLayer,
        destination: Address,
        *,
        uri: str,
        from_: str,
        headers: Headers,
        done: Callable[[int], None],
        heard: Callable[[Response], None] = lambda response: None,
    ) -> None:
        self._done, self._heard = done, heard
        lead = f"From: {from_};tag={layer.new_tag()}\r\nCall-ID: {layer.new_call_id()}\r\n"
        lines = f"{MAX_FORWARDS}{header_lines(headers)}Accept: application/sdp\r\n"
        layer.request(Outgoing("OPTIONS", uri, lead, f"<{uri}>", 1, lines), destination, self)

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        if response.status >= 200:
            self._heard(response)
            self._done(response.status)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        self._done(status)
