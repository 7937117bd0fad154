"""The tables of transactions, the timer wheel and what is to be sent: the floor that dialogs stand on."""

from __future__ import annotations

import random
from collections.abc import Callable

from pbx.sip.address import Address
from pbx.sip.client_transaction import ClientInvite, ClientRequest, ClientTransaction, ClientUser
from pbx.sip.message import Request, Response
from pbx.sip.render import Outgoing
from pbx.sip.server_transaction import ServerInvite, ServerKey, ServerRequest, ServerTransaction
from pbx.sip.timers import TimerWheel

UDP_LIMIT = 1300  # bytes; a larger request goes by TCP (RFC 3261 §18.1.1)
_COOKIE = "z9hG4bK"


class TransactionLayer:
    """Matches messages to transactions (RFC 3261 §17.1.3, §17.2.3) and collects what leaves."""

    __slots__ = (
        "_branch_prefix",
        "_branches",
        "_merged",
        "_rng",
        "clients",
        "output",
        "sent_by",
        "servers",
        "timers",
        "wake",
    )

    def __init__(self, local: Address, clock: Callable[[], float], rng: random.Random | None) -> None:
        self.sent_by = local.host_port
        self.timers = TimerWheel(clock)
        self.output: list[tuple[Address, bytes]] = []
        self.clients: dict[tuple[str, str], ClientTransaction] = {}
        self.servers: dict[ServerKey, ServerTransaction] = {}
        self.wake: Callable[[], None] | None = None
        self._merged: dict[tuple[str, str, int], ServerTransaction] = {}
        self._rng = rng or random.SystemRandom()
        self._branch_prefix = f"{_COOKIE}{self._rng.getrandbits(64):016x}"
        self._branches = 0

    # --- identifiers -----------------------------------------------------------------------------------------------

    def new_tag(self) -> str:
        """64 random bits: also what an early dialog is found by, so it must not be guessed (RFC 3261 §19.3)."""
        return f"{self._rng.getrandbits(64):016x}"

    def new_call_id(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"

    def uniform(self, low: float, high: float) -> float:
        return self._rng.uniform(low, high)

    def via(self, transport: str, branch: str, sent_by: str = "") -> str:
        return f"SIP/2.0/{transport.upper()} {sent_by or self.sent_by};branch={branch};rport"

    def _new_branch(self) -> str:
        self._branches += 1
        return f"{self._branch_prefix}{self._branches:x}"

    # --- out -------------------------------------------------------------------------------------------------------

    def send(self, destination: Address, data: bytes) -> None:
        self.output.append((destination, data))
        if self.wake is not None:
            self.wake()

    def request(
        self, outgoing: Outgoing, destination: Address, user: ClientUser, branch: str = "", sent_by: str = ""
    ) -> ClientTransaction:
        """Send a request in a client transaction of its own; `branch`, and `sent_by` of another process, are given for
        what belongs to an INVITE that was sent before."""
        branch = branch or self._new_branch()
        wanted = destination
        destination, data = self._render(outgoing, destination, branch, sent_by)
        kind = ClientInvite if outgoing.method == "INVITE" else ClientRequest
        transaction = kind(self, outgoing, branch, destination, data, user)
        transaction.is_switched = destination is not wanted
        self.clients[transaction.key] = transaction
        transaction.start()
        return transaction

    def send_ack(self, outgoing: Outgoing, destination: Address) -> tuple[Address, bytes]:
        """Send the ACK of a 2xx, which is no transaction; returns it for repetition."""
        packet = self._render(outgoing, destination, self._new_branch())
        self.send(*packet)
        return packet

    def _render(
        self, outgoing: Outgoing, destination: Address, branch: str, sent_by: str = ""
    ) -> tuple[Address, bytes]:
        data = outgoing.render(self.via(destination.transport, branch, sent_by))
        if len(data) > UDP_LIMIT and destination.transport == "udp":
            destination = destination._replace(transport="tcp")
            data = outgoing.render(self.via("tcp", branch, sent_by))
        return destination, data

    # --- in --------------------------------------------------------------------------------------------------------

    def receive_response(self, response: Response) -> None:
        """Give a response to its transaction; one that belongs to none is dropped."""
        transaction = self.clients.get((response.via.branch, response.cseq_method))
        if transaction is not None:
            transaction.receive(response)

    def find_server(self, request: Request, method: str) -> ServerTransaction | None:
        return self.servers.get(server_key(request, method))

    def serve(self, request: Request, source: Address, key: ServerKey) -> ServerTransaction:
        """Open the server transaction of a new request; `key` is its `server_key`."""
        kind = ServerInvite if request.method == "INVITE" else ServerRequest
        transaction = kind(self, key, request, source)
        self.servers[key] = transaction
        if not request.to_tag and request.method != "CANCEL":
            merge_key = request.call_id, request.from_tag, request.cseq
            if merge_key in self._merged:
                transaction.is_merged = True
            else:
                transaction.merge_key = merge_key
                self._merged[merge_key] = transaction
        return transaction

    @property
    def merged_count(self) -> int:
        """Requests outside of dialogs that are remembered against merging."""
        return len(self._merged)

    def forget_client(self, transaction: ClientTransaction) -> None:
        self.clients.pop(transaction.key, None)

    def forget_server(self, transaction: ServerTransaction) -> None:
        self.servers.pop(transaction.key, None)
        if transaction.merge_key is not None:
            del self._merged[transaction.merge_key]

    def unreachable(self, destination: Address) -> None:
        """A connection to `destination` was refused, or closed: end or re-route what waits for it."""
        for client in [found for found in self.clients.values() if found.destination == destination]:
            if client.is_switched and client.is_unheard:
                self._fall_back(client)
            else:
                client.unreachable()
        for server in [found for found in self.servers.values() if found.reply_to == destination]:
            server.unreachable()

    def _fall_back(self, client: ClientTransaction) -> None:
        """A large request whose stream was refused goes by UDP after all (RFC 3261 §18.1.1)."""
        destination = client.destination._replace(transport="udp")
        client.fall_back(destination, client.outgoing.render(self.via("udp", client.branch)))


def server_key(request: Request, method: str) -> ServerKey:
    """Branch, sent-by and method; for a request of RFC 2543, without the magic cookie, what that one matches by."""
    via = request.via
    if via.branch.startswith(_COOKIE) and len(via.branch) > len(_COOKIE):
        return via.branch, f"{via.host}:{via.port}", method
    return f"{via.head} {request.call_id}", f"{request.cseq} {request.from_tag}", method
