"""The state tables of RFC 3261 §17 and RFC 6026, row by row: state, event → state, what is sent, what is told."""

from __future__ import annotations

import random

import pytest
from unit.sip.sip_network import ALICE, BOB, Clock, answer_to

from pbx.sip import Address, Request, Response
from pbx.sip.client_transaction import ClientTransaction
from pbx.sip.message import parse
from pbx.sip.render import Outgoing
from pbx.sip.server_transaction import ServerInvite, ServerTransaction
from pbx.sip.transaction_layer import TransactionLayer, server_key
from pbx.sip.transaction_state import State

TCP = BOB._replace(transport="tcp")


class Bench:
    """One layer, its clock, and the user of a client transaction."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.layer = TransactionLayer(ALICE, self.clock, random.Random(1))
        self.told: list[int | str] = []

    def received(self, transaction: ClientTransaction, response: Response) -> None:
        self.told.append(response.status)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        self.told.append(f"failed {status}")

    def client(self, method: str, destination: Address) -> ClientTransaction:
        lead = "From: <sip:a@x>;tag=1\r\nCall-ID: c\r\n"
        outgoing = Outgoing(method, "sip:b@192.0.2.2", lead, "<sip:b@x>", 1, "Max-Forwards: 70\r\n", b"v=0")
        return self.layer.request(outgoing, destination, self)

    def server(self, method: str, transport: str) -> ServerTransaction:
        source = BOB._replace(transport=transport)
        request = parse(
            (
                f"{method} sip:b@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKs\r\n"
                f"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
            ).encode()
        )
        assert isinstance(request, Request)
        return self.layer.serve(request, source, server_key(request, method))

    def advance(self, seconds: float) -> list[str]:
        """Let time pass; the first words of what was sent meanwhile, with the time of each."""
        end = self.clock.now + seconds
        while (due := self.layer.timers.next) is not None and due <= end:
            self.clock.now = max(due, self.clock.now)
            for callback in self.layer.timers.due():
                callback()
        self.clock.now = end
        return self.sent()

    def sent(self) -> list[str]:
        output = [data.split(b" ", 2) for _, data in self.layer.output]
        self.layer.output = []
        return [(words[1] if words[0] == b"SIP/2.0" else words[0]).decode() for words in output]


def response(transaction: ClientTransaction, request: bytes, status: int) -> Response:
    found = parse(answer_to(request, status, "2"))
    assert isinstance(found, Response)
    return found


# How to bring a client transaction into a state: the statuses that it receives.
CLIENT_INVITE = [
    # path, event, state after, sent, told
    ([], "100", State.PROCEEDING, [], [100]),
    ([], "180", State.PROCEEDING, [], [180]),
    ([], "200", State.ACCEPTED, [], [200]),
    ([], "302", State.COMPLETED, ["ACK"], [302]),
    ([], "486", State.COMPLETED, ["ACK"], [486]),
    ([], "603", State.COMPLETED, ["ACK"], [603]),
    ([], "unreachable", State.TERMINATED, [], ["failed 503"]),
    ([], "timeout", State.TERMINATED, ["INVITE"] * 6, ["failed 408"]),
    ([180], "180", State.PROCEEDING, [], [180]),
    ([180], "200", State.ACCEPTED, [], [200]),
    ([180], "486", State.COMPLETED, ["ACK"], [486]),
    ([180], "timeout", State.PROCEEDING, [], []),
    ([180], "unreachable", State.PROCEEDING, [], []),
    ([200], "200", State.ACCEPTED, [], [200]),
    ([200], "180", State.ACCEPTED, [], []),
    ([200], "486", State.ACCEPTED, [], []),
    ([200], "timeout", State.TERMINATED, [], []),
    ([486], "486", State.COMPLETED, ["ACK"], []),
    ([486], "180", State.COMPLETED, [], []),
    ([486], "200", State.COMPLETED, [], []),
    ([486], "timeout", State.TERMINATED, [], []),
]
CLIENT_REQUEST = [
    ([], "100", State.PROCEEDING, [], [100]),
    ([], "200", State.COMPLETED, [], [200]),
    ([], "404", State.COMPLETED, [], [404]),
    ([], "unreachable", State.TERMINATED, [], ["failed 503"]),
    ([], "timeout", State.TERMINATED, ["BYE"] * 10, ["failed 408"]),
    ([100], "100", State.PROCEEDING, [], [100]),
    ([100], "200", State.COMPLETED, [], [200]),
    ([100], "timeout", State.TERMINATED, ["BYE"] * 8, ["failed 408"]),
    ([200], "200", State.COMPLETED, [], []),
    ([200], "100", State.COMPLETED, [], []),
    ([200], "timeout", State.TERMINATED, [], []),
]


def play(bench: Bench, transaction: ClientTransaction, request: bytes, event: str) -> list[str]:
    if event == "timeout":
        return bench.advance(32.1)
    if event == "unreachable":
        transaction.unreachable()
    else:
        transaction.receive(response(transaction, request, int(event)))
    return bench.sent()


@pytest.mark.parametrize(
    ("method", "path", "event", "after", "sent", "told"),
    [("INVITE", *row) for row in CLIENT_INVITE] + [("BYE", *row) for row in CLIENT_REQUEST],
)
def test_client_over_udp(
    method: str, path: list[int], event: str, after: State, sent: list[str], told: list[int | str]
) -> None:
    bench = Bench()
    transaction = bench.client(method, BOB)
    request = bench.layer.output[0][1]
    for status in path:
        transaction.receive(response(transaction, request, status))
    bench.sent()
    bench.told.clear()
    assert play(bench, transaction, request, event) == sent
    assert bench.told == told
    assert transaction.state is after
    assert bool(bench.layer.clients) is (after is not State.TERMINATED)


@pytest.mark.parametrize(
    ("method", "path", "event", "after", "sent", "told"),
    [
        ("INVITE", [], "timeout", State.TERMINATED, [], ["failed 408"]),
        ("INVITE", [], "486", State.TERMINATED, ["ACK"], [486]),
        ("INVITE", [], "200", State.ACCEPTED, [], [200]),
        ("INVITE", [200], "200", State.ACCEPTED, [], [200]),
        ("BYE", [], "timeout", State.TERMINATED, [], ["failed 408"]),
        ("BYE", [100], "timeout", State.TERMINATED, [], ["failed 408"]),
        ("BYE", [], "200", State.TERMINATED, [], [200]),
    ],
)
def test_client_over_tcp_never_repeats(
    method: str, path: list[int], event: str, after: State, sent: list[str], told: list[int | str]
) -> None:
    bench = Bench()
    transaction = bench.client(method, TCP)
    request = bench.layer.output[0][1]
    for status in path:
        transaction.receive(response(transaction, request, status))
    bench.sent()
    bench.told.clear()
    assert play(bench, transaction, request, event) == sent
    assert (bench.told, transaction.state) == (told, after)


def test_times_of_client_retransmissions() -> None:
    """Timer A doubles without end; timer E doubles up to T2, and is T2 once a provisional came."""
    for method, path, times in (
        ("INVITE", [], [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]),
        ("BYE", [], [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]),
        ("BYE", [100], [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]),
    ):
        bench = Bench()
        transaction = bench.client(method, BOB)
        request = bench.layer.output[0][1]
        for status in path:
            transaction.receive(response(transaction, request, status))
        bench.sent()
        start, found = bench.clock.now, []
        while bench.clock.now < start + 33:
            if bench.advance(0.05):
                found.append(bench.clock.now - start)
        assert found == pytest.approx(times, abs=0.06 * len(times)), method


def test_ack_of_a_refusal_copies_the_invite() -> None:
    bench = Bench()
    transaction = bench.client("INVITE", BOB)
    request = bench.layer.output[0][1]
    bench.sent()
    transaction.receive(response(transaction, request, 486))
    invite, ack = parse(request), parse(bench.layer.output[0][1])
    assert isinstance(ack, Request) and isinstance(invite, Request)
    assert (ack.method, ack.uri, ack.via, ack.call_id, ack.cseq) == ("ACK", invite.uri, invite.via, "c", 1)
    assert (ack.from_tag, ack.to_tag, ack.body) == ("1", "2", b"")


# Server side: a path of statuses that the user sends, then an event.
SERVER_INVITE = [
    ([], "again", State.PROCEEDING, []),
    ([], "respond 180", State.PROCEEDING, ["180"]),
    ([180], "again", State.PROCEEDING, ["180"]),
    ([180, 183], "again", State.PROCEEDING, ["183"]),
    ([180], "respond 486", State.COMPLETED, ["486"]),
    ([180], "ack", State.PROCEEDING, []),
    ([486], "again", State.COMPLETED, ["486"]),
    ([486], "respond 603", State.COMPLETED, []),
    ([486], "ack", State.CONFIRMED, []),
    ([486], "timeout", State.TERMINATED, ["486"] * 10),
    ([486, "ack"], "again", State.CONFIRMED, []),
    ([486, "ack"], "ack", State.CONFIRMED, []),
    ([486, "ack"], "timeout", State.TERMINATED, []),
    ([], "accept", State.ACCEPTED, ["200"]),
    (["accept"], "again", State.ACCEPTED, []),
    (["accept"], "respond 486", State.ACCEPTED, []),
    (["accept"], "timeout", State.TERMINATED, []),
]
SERVER_REQUEST = [
    ([], "again", State.TRYING, []),
    ([], "respond 100", State.PROCEEDING, ["100"]),
    ([100], "again", State.PROCEEDING, ["100"]),
    ([], "respond 200", State.COMPLETED, ["200"]),
    ([200], "again", State.COMPLETED, ["200"]),
    ([200], "respond 404", State.COMPLETED, []),
    ([200], "timeout", State.TERMINATED, []),
]


def serve(bench: Bench, transaction: ServerTransaction, step: int | str) -> list[str]:
    if step == "timeout":
        return bench.advance(32.1)
    if step == "again":
        transaction.receive_again()
    elif step == "ack":
        assert isinstance(transaction, ServerInvite)
        transaction.receive_ack()
    elif step == "accept":
        assert isinstance(transaction, ServerInvite)
        transaction.send_2xx(200, "", b"")
    else:
        transaction.respond(int(str(step).removeprefix("respond ")))
    return bench.sent()


@pytest.mark.parametrize(
    ("method", "path", "event", "after", "sent"),
    [("INVITE", *row) for row in SERVER_INVITE] + [("OPTIONS", *row) for row in SERVER_REQUEST],
)
def test_server_over_udp(method: str, path: list[int | str], event: str, after: State, sent: list[str]) -> None:
    bench = Bench()
    transaction = bench.server(method, "udp")
    for step in path:
        serve(bench, transaction, step)
    assert serve(bench, transaction, event) == sent
    assert transaction.state is after
    assert bool(bench.layer.servers) is (after is not State.TERMINATED)


@pytest.mark.parametrize(
    ("method", "path", "event", "after", "sent"),
    [
        ("INVITE", [486], "timeout", State.TERMINATED, []),
        ("INVITE", [486], "ack", State.TERMINATED, []),
        ("INVITE", ["accept"], "timeout", State.TERMINATED, []),
        ("OPTIONS", [], "respond 200", State.TERMINATED, ["200"]),
    ],
)
def test_server_over_tcp_never_repeats(
    method: str, path: list[int | str], event: str, after: State, sent: list[str]
) -> None:
    bench = Bench()
    transaction = bench.server(method, "tcp")
    for step in path:
        serve(bench, transaction, step)
    assert (serve(bench, transaction, event), transaction.state) == (sent, after)


def test_finished_transactions_hold_no_request() -> None:
    bench = Bench()
    server = bench.server("OPTIONS", "udp")
    server.respond(200)
    assert server.request is None
    client = bench.client("INVITE", BOB)
    request = bench.layer.output[-1][1]
    client.receive(response(client, request, 200))
    assert (client.outgoing.body, client.outgoing.lead) == (b"", "")


def test_cancelled_timers_neither_fire_nor_count() -> None:
    bench = Bench()
    fired: list[str] = []
    timers = bench.layer.timers
    first = timers.start(1, lambda: fired.append("first"))
    second = timers.start(1, lambda: (fired.append("second"), third.cancel()))  # type: ignore[func-returns-value]
    third = timers.start(1, lambda: fired.append("third"))
    first.cancel()
    assert len(timers) == 2
    bench.advance(2)
    second.cancel()
    assert fired == ["second"]
    assert len(timers) == 0 and timers.next is None


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.5, 0.333, 31.999])
def test_timers_never_fire_early_and_at_most_a_slot_late(delay: float) -> None:
    bench = Bench()
    bench.clock.now = 1234.5678
    bench.layer.timers.start(delay, lambda: None)
    due = bench.layer.timers.next
    assert due is not None
    assert -1e-6 <= due - (1234.5678 + delay) <= 0.05 + 1e-6
