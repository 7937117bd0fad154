"""A network that loses one datagram in twenty, each way and on both legs: every call succeeds, and nothing is left.

Caller, pbx-calls and device are whole SIP stacks on one virtual clock; 500 calls come at 50 a second.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.call_in_memory import EDGE, OURS, Wire, exchange_of
from bench.sip_stack import SDP

from pbx.sip import Address, InviteSession, Request, Response, Stack
from pbx.sip.listener import Deaf
from pbx.store.journal import decode

pytestmark = pytest.mark.row("R33")

PHONE = Address("udp", "192.0.2.3", 5060)
CALLS, GAP, HELD = 500, 0.02, 0.3  # seconds
LOSS = 0.05
STEP, LONGEST = 0.01, 120.0  # seconds: the last repetitions, and the transactions, are over by then


class Caller(Deaf):
    """One call: held for a while, then hung up."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.outcome = ""

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        self.outcome = "answered"
        self.network.later(HELD, lambda: self.hang_up(session))

    def hang_up(self, session: InviteSession) -> None:
        if self.outcome == "answered":
            self.outcome = "hung up"
            session.bye()

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None:
        self.outcome = f"{status} {reason}"

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        self.outcome = f"was ended: {cause}"


class Network(Wire):
    """Three stacks, and what is lost between them."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = random.Random(5)
        self.lost = 0
        self.phone = Stack(local=PHONE, clock=lambda: self.now, on_invite=lambda session: None)
        self.device = Stack(local=EDGE, clock=lambda: self.now, on_invite=ring_and_answer)

    def later(self, delay: float, what: Callable[[], None]) -> None:
        self.phone.layer.timers.start(delay, what)

    def flush(self) -> None:
        """Nothing leaves by itself: `carry` brings it."""

    def carry(self) -> bool:
        """Take what all have to say to whom it is for; was there anything?"""
        self.before_flush()
        stacks = {OURS: self.stack, EDGE: self.device, PHONE: self.phone}
        said = [(local, *packet) for local, stack in stacks.items() for packet in stack.take_output()]
        for local, destination, data in said:
            if self.rng.random() < LOSS:
                self.lost += 1
            else:
                stacks[destination].receive(data, local)
        return bool(said)

    async def step(self) -> None:
        """The clock moves on; all is done that it makes due."""
        self.now += STEP
        for stack in (self.stack, self.device, self.phone):
            stack.run_timers()
        quiet = 0
        while quiet < 4:  # turns of the loop without a word: the relay's answer and its story take three
            quiet = 0 if self.carry() else quiet + 1
            await asyncio.sleep(0)

    def call(self) -> Caller:
        caller = Caller(self)
        self.phone.invite(
            uri="sip:202@romashka.example",
            destination=OURS,
            from_='"Ivanov" <sip:ivanov-desk@romashka.example>',
            to="<sip:202@romashka.example>",
            contact=f"<sip:ivanov-desk@{PHONE.host_port}>",
            sdp=SDP,
            headers=[("X-PBX-Tenant", "romashka"), ("X-PBX-Source", "device ivanov-desk"), ("X-PBX-Edge", "edge1")],
            listener=caller,
        )
        return caller


def ring_and_answer(session: InviteSession) -> None:
    session.listener = Deaf()
    session.provisional(180)
    session.accept(SDP)


def test_every_call_succeeds_where_one_packet_in_twenty_is_lost(tmp_path: Path) -> None:
    async def run() -> tuple[Network, list[Caller]]:
        network = Network()
        exchange = await exchange_of(network, tmp_path)
        callers = []
        while len(callers) < CALLS:
            callers.append(network.call())
            for _ in range(round(GAP / STEP)):
                await network.step()
        until = network.now + LONGEST
        while network.now < until:
            await network.step()
        assert not exchange.calls
        return network, callers

    network, callers = asyncio.run(run())
    assert Counter(caller.outcome for caller in callers) == {"hung up": CALLS}
    assert network.lost > CALLS / 3  # of the thirteen messages that a call has at least
    for stack in (network.stack, network.device, network.phone):
        assert (stack.faults, len(stack.sessions), len(stack.layer.clients), len(stack.layer.servers)) == (0, 0, 0, 0)
    lines = [line for segment in tmp_path.glob("journal/*") for _, line in decode(segment.read_bytes())]
    assert Counter(line["disposition"] for line in lines if line["kind"] == "end") == {"answered": CALLS}
