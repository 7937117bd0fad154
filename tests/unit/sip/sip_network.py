"""A world of stacks in memory: virtual time, a network that loses, doubles and delays, and phones that note all."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from pbx.sip import Address, InviteSession, Request, Response, Stack
from pbx.sip.referral import Referral
from pbx.sip.server_transaction import ServerTransaction

ALICE = Address("udp", "192.0.2.1", 5060)
BOB = Address("udp", "192.0.2.2", 5060)
CAROL = Address("udp", "192.0.2.3", 5060)
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
)
ANSWER = OFFER.replace(b"192.0.2.1", b"192.0.2.2")
HOLD = OFFER + b"a=sendonly\r\n"
HELD = ANSWER + b"a=recvonly\r\n"

# A filter sees (data, source, destination) and returns the packets that go on: [] loses, [data] passes.
Filter = Callable[[bytes, Address, Address], list[bytes]]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Network:
    """Carries packets between stacks with 1 ms of delay; `filter` may lose or double them."""

    def __init__(self, *, loss: float = 0.0, seed: int = 1) -> None:
        self.clock = Clock()
        self.filter: Filter = lambda data, source, destination: [data]
        self.log: list[tuple[float, Address, Address, bytes]] = []
        self.delay: Callable[[bytes], float] = lambda data: 0.001
        self._loss = loss
        self._rng = random.Random(seed)
        self._stacks: dict[tuple[str, int], Stack] = {}
        self._flight: list[tuple[float, int, Address, Address, bytes]] = []
        self._order = itertools.count()
        self.wires: dict[tuple[str, int], Wire] = {}

    def stack(self, local: Address, **options: Any) -> Stack:
        options.setdefault("rng", random.Random(local.host))
        stack = Stack(local=local, clock=self.clock, **options)
        self._stacks[local.host, local.port] = stack
        return stack

    def inject(self, data: bytes, source: Address, destination: Address) -> None:
        heapq.heappush(self._flight, (self.clock.now + self.delay(data), next(self._order), source, destination, data))

    def _collect(self) -> None:
        for stack in self._stacks.values():
            for destination, data in stack.take_output():
                source = stack.local._replace(transport=destination.transport)
                for packet in self.filter(data, source, destination):
                    self.log.append((self.clock.now, source, destination, packet))
                    if self._loss and self._rng.random() < self._loss:
                        continue
                    self.inject(packet, source, destination)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.now + seconds
        while True:
            self._collect()
            times = [stack.next_timer for stack in self._stacks.values() if stack.next_timer is not None]
            if self._flight:
                times.append(self._flight[0][0])
            if not times or min(times) > end:
                self.clock.now = end
                return
            self.clock.now = max(self.clock.now, min(times))
            while self._flight and self._flight[0][0] <= self.clock.now:
                _, _, source, destination, data = heapq.heappop(self._flight)
                target = self._stacks.get((destination.host, destination.port))
                if target is not None:
                    target.receive(data, source)
                elif (destination.host, destination.port) in self.wires:
                    self.wires[destination.host, destination.port].received.append(data)
            for stack in self._stacks.values():
                stack.run_timers()

    def sent(self, start: str) -> int:
        """How many packets were sent whose first line starts so (lost ones too)."""
        return sum(data.startswith(start.encode()) for _, _, _, data in self.log)

    def assert_nothing_left(self) -> None:
        """After two minutes of silence no stack keeps a transaction, a session or a timer."""
        self.run(120)
        for stack in self._stacks.values():
            left = stack.layer.clients, stack.layer.servers, stack.sessions, len(stack.layer.timers), stack.faults
            assert left == ({}, {}, {}, 0, 0), (stack.local, left)
            assert len(stack.subscriptions) == 0
            assert stack.layer.merged_count == 0


class Phone:
    """An endpoint: notes what its sessions tell and does what `on_*` say (each may be set by a test)."""

    def __init__(self, network: Network, local: Address, **options: Any) -> None:
        self.network = network
        self.events: list[tuple[Any, ...]] = []
        self.sessions: list[InviteSession] = []
        self.faults: list[Exception] = []
        self.on_call: Callable[[InviteSession], None] = lambda session: session.accept(ANSWER)
        self.on_offered: Callable[[InviteSession, bytes | None], None] = lambda session, sdp: session.answer_offer(
            ANSWER
        )
        self.on_answered: Callable[[InviteSession], None] = lambda session: None
        self.on_progressed: Callable[[InviteSession], None] = lambda session: None
        self.on_confirmed: Callable[[InviteSession], None] = lambda session: None
        self.on_referred: Callable[[Referral], None] = lambda referral: referral.accept()
        self.referrals: list[Referral] = []
        self.requests: list[ServerTransaction] = []
        self.stack = network.stack(
            local, on_invite=self._invited, on_fault=lambda fault, what: self.faults.append(fault), **options
        )

    def _invited(self, session: InviteSession) -> None:
        session.listener = self
        session.contact = f"<sip:token@{self.stack.local.host_port}>"
        self.sessions.append(session)
        self.on_call(session)

    def call(self, destination: Address, sdp: bytes | None = OFFER, **options: Any) -> InviteSession:
        session = self.stack.invite(
            uri=f"sip:202@{destination.host_port}",
            destination=destination,
            from_='"Ivan" <sip:201@romashka.example>',
            to="<sip:202@romashka.example>",
            contact=f"<sip:token@{self.stack.local.host_port}>",
            sdp=sdp,
            listener=self,
            **options,
        )
        self.sessions.append(session)
        return session

    @property
    def names(self) -> list[str]:
        return [event[0] for event in self.events]

    def progressed(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        self.events.append(("progressed", response.status, sdp))
        self.on_progressed(session)

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        self.events.append(("answered", response.status, sdp))
        self.on_answered(session)

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None:
        self.events.append(("failed", status))

    def confirmed(self, session: InviteSession) -> None:
        self.events.append(("confirmed",))
        self.on_confirmed(session)

    def offered(self, session: InviteSession, request: Request, sdp: bytes | None) -> None:
        self.events.append(("offered", request.method, sdp))
        self.on_offered(session, sdp)

    def reinvited(self, session: InviteSession, status: int, sdp: bytes | None) -> None:
        self.events.append(("reinvited", status, sdp))

    def agreed(self, session: InviteSession, sdp: bytes) -> None:
        self.events.append(("agreed", sdp))

    def informed(self, session: InviteSession, request: Request) -> None:
        self.events.append(("informed", request.body))

    def referred(self, session: InviteSession, referral: Referral) -> None:
        self.events.append(("referred", referral.target, referral.replaces))
        self.referrals.append(referral)
        self.on_referred(referral)

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        self.events.append(("ended", cause))


def losing(start: str, times: int) -> Filter:
    """Lose the first `times` packets whose first line starts so."""
    left = [times]

    def decide(data: bytes, source: Address, destination: Address) -> list[bytes]:
        if left[0] and data.startswith(start.encode()):
            left[0] -= 1
            return []
        return [data]

    return decide


def losing_answers(status: int, method: str, times: int) -> Filter:
    """Lose the first `times` responses `status` to `method`."""
    left = [times]
    mark = f" {method}\r\n".encode()

    def decide(data: bytes, source: Address, destination: Address) -> list[bytes]:
        if left[0] and data.startswith(f"SIP/2.0 {status} ".encode()) and mark in data:
            left[0] -= 1
            return []
        return [data]

    return decide


def pair(network: Network) -> tuple[Phone, Phone]:
    return Phone(network, ALICE), Phone(network, BOB)


def established(network: Network) -> tuple[Phone, Phone, InviteSession, InviteSession]:
    """Alice has called Bob and both are confirmed; (alice, bob, her session, his)."""
    alice, bob = pair(network)
    session = alice.call(BOB)
    network.run(1)
    assert session.is_established and bob.sessions[0].is_established
    alice.events.clear()
    bob.events.clear()
    return alice, bob, session, bob.sessions[0]


def answer_to(request: bytes, status: int, tag: str, *lines: str, body: bytes = b"") -> bytes:
    """A response to `request` as an independent endpoint would write it: Via, From, To + tag, Call-ID, CSeq echoed."""
    head = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    echo = [line for line in head if line.partition(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
    to = next(line for line in head if line.startswith("To:"))
    to = to if not tag or ";tag=" in to else f"{to};tag={tag}"
    kind = ["Content-Type: application/sdp"] if body else []
    text = [f"SIP/2.0 {status} Whatever", *echo, to, *lines, *kind, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(text).encode() + body


class Wire:
    """A party without a stack: takes packets that come to its address, sends what the test writes."""

    def __init__(self, network: Network, local: Address) -> None:
        self.local = local
        self.received: list[bytes] = []
        self._network = network
        network.wires[local.host, local.port] = self

    def send(self, data: bytes, destination: Address) -> None:
        self._network.inject(data, self.local, destination)

    def take(self, start: str) -> list[bytes]:
        """What came with this first line, in order; the rest stays."""
        found = [data for data in self.received if data.startswith(start.encode())]
        self.received = [data for data in self.received if data not in found]
        return found
