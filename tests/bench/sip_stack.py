"""B1: what a complete call of two legs costs the SIP stack alone: a bare B2BUA between two SIPp on loopback.

With sockets: 300 calls a second for 10 s, each held 0.3 s, uvloop, UDP; CPU of this process by getrusage over the calls
that ended well. The floor of the same run is a relay that hands packets over unread. In memory: packets go by hand, so
only our Python counts.
`--profile` prints where the Python goes instead.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import cast

import uvloop
from unit.sip.test_sip_torture import good_messages, mutated

from pbx.sip import Address, InviteSession, Request, Response, Stack
from pbx.sip.listener import Deaf
from pbx.sip.transport import SipTransport

HOST, PORT, UAS_PORT, UAC_PORT = "127.0.0.1", 25170, 25180, 25181
GOAL = 0.55  # ms
WORST = 5.0  # ms a message may cost, whatever is in it
SCENARIOS = Path(__file__).parent / "scenarios"
OFFER = (SCENARIOS / "uac.xml").read_text().split("v=0", 1)[1].split("]]>")[0].replace("[local_ip]", HOST)
SDP = ("v=0" + OFFER).replace("\n", "\r\n").encode()


class Bridge(Deaf):
    """One call: what one leg says, the other hears."""

    def __init__(self, stack: Stack, caller: InviteSession, destination: Address) -> None:
        assert caller.request is not None
        caller.provisional(100)
        caller.listener = self
        self.caller = caller
        self.called = stack.invite(
            uri=f"sip:202@{destination.host_port}",
            destination=destination,
            from_=f"<{caller.request.from_uri}>",
            to=f"<{caller.request.to_uri}>",
            contact=caller.contact,
            sdp=caller.remote_sdp,
            listener=self,
        )

    def progressed(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        self.caller.provisional(response.status, sdp=sdp)

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        self.caller.accept(sdp or b"")

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None:
        self.caller.reject(status, reason)

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        (self.called if session is self.caller else self.caller).bye()


def on_sockets(rate: int, calls: int) -> tuple[float, int]:
    """(CPU milliseconds per call, failed calls) of the stack as B2BUA between two SIPp."""

    async def run() -> tuple[float, int]:
        stacks: list[Stack] = []

        def make(local: Address) -> Stack:
            stacks.append(
                Stack(
                    local=local,
                    clock=asyncio.get_running_loop().time,
                    on_invite=lambda session: Bridge(stacks[0], session, Address("udp", HOST, UAS_PORT)) and None,
                )
            )
            return stacks[0]

        transport = SipTransport(make, HOST, PORT)
        await transport.start()
        figure, failed = await _between_sipp(rate, calls)
        await transport.close()
        return figure, failed + stacks[0].faults

    return uvloop.new_event_loop().run_until_complete(run())


class Relay(asyncio.DatagramProtocol):
    """The floor: hands each packet over to the other side, unread."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, (HOST, UAC_PORT if addr[1] == UAS_PORT else UAS_PORT))


def relayed(rate: int, calls: int) -> float:
    """CPU milliseconds per call of a mere UDP relay on the same loop, in the same run: 6 packets in, 6 out."""

    async def run() -> float:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Relay, local_addr=(HOST, PORT))
        figure, _ = await _between_sipp(rate, calls)
        transport.close()
        return figure

    return uvloop.new_event_loop().run_until_complete(run())


async def _between_sipp(rate: int, calls: int) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        statistics = Path(folder) / "uac.csv"
        common = ["-i", HOST, "-nostdin", "-timeout", "60", "-m", str(calls)]
        uas = await asyncio.create_subprocess_exec(
            "sipp", "-sf", str(SCENARIOS / "uas.xml"), "-p", str(UAS_PORT), *common,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)  # fmt: skip
        await asyncio.sleep(0.5)
        before = _cpu()
        uac = await asyncio.create_subprocess_exec(
            "sipp", f"{HOST}:{PORT}", "-sf", str(SCENARIOS / "uac.xml"), "-p", str(UAC_PORT), "-r", str(rate),
            "-d", "300", "-l", "3000", "-trace_stat", "-stf", str(statistics), "-fd", "1", *common,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)  # fmt: skip
        await uac.wait()
        used = _cpu() - before
        if uas.returncode is None:
            uas.terminate()
        await uas.wait()
        lines = statistics.read_text().splitlines()
    row = dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=False))
    good, bad = int(row["SuccessfulCall(C)"]), int(row["FailedCall(C)"])
    return 1000 * used / max(good, 1), bad


def in_memory(calls: int, warm_up: int = 200) -> float:
    """CPU milliseconds per call of the B2BUA alone; the ends are played by two other stacks, not counted."""
    now = [0.0]
    middle, left, right = (Address("udp", f"192.0.2.{number}", 5060) for number in (1, 2, 3))
    stacks: dict[Address, Stack] = {}
    stacks[middle] = Stack(
        local=middle, clock=lambda: now[0], on_invite=lambda call: Bridge(stacks[middle], call, right) and None
    )
    stacks[left] = Stack(local=left, clock=lambda: now[0], on_invite=lambda call: None)
    stacks[right] = Stack(local=right, clock=lambda: now[0], on_invite=_ring_and_answer)
    used = 0.0

    def settle() -> None:
        nonlocal used
        moving = True
        while moving:
            moving = False
            for local, stack in stacks.items():
                for destination, data in stack.take_output():
                    moving = True
                    start = time.process_time()
                    stacks[destination].receive(data, local)
                    if destination == middle:
                        used += time.process_time() - start

    for index in range(calls + warm_up):
        if index == warm_up:
            used = 0.0
        session = stacks[left].invite(
            uri="sip:202@192.0.2.1:5060",
            destination=middle,
            from_='"Ivanov" <sip:ivanov-desk@romashka.example>',
            to="<sip:202@romashka.example>",
            contact="<sip:ivanov-desk@192.0.2.2:5060>",
            sdp=SDP,
            headers=[("X-PBX-Tenant", "romashka"), ("X-PBX-Source", "device ivanov-desk"), ("X-PBX-Edge", "edge1")],
            listener=Deaf(),
        )
        settle()
        session.bye()
        settle()
        now[0] += 0.003
        for local, stack in stacks.items():
            start = time.process_time()
            stack.run_timers()
            if local == middle:
                used += time.process_time() - start
    return 1000 * used / calls


def _ring_and_answer(session: InviteSession) -> None:
    session.provisional(180)
    session.accept(SDP)


def memory(calls: int) -> float:
    """Bytes per established call of two legs, its transactions gone."""
    now = [0.0]
    middle, left, right = (Address("udp", f"192.0.2.{number}", 5060) for number in (1, 2, 3))
    keep: list[Bridge] = []
    stack = Stack(local=middle, clock=lambda: now[0], on_invite=lambda call: keep.append(Bridge(stack, call, right)))
    ends = {
        left: Stack(local=left, clock=lambda: now[0], on_invite=lambda call: None),
        right: Stack(local=right, clock=lambda: now[0], on_invite=_ring_and_answer),
    }
    packets: list[tuple[Address, Address, bytes]] = []
    everybody = {middle: stack, **ends}

    def settle() -> None:
        while True:
            packets.extend((local, to, data) for local, one in everybody.items() for to, data in one.take_output())
            if not packets:
                return
            for local, destination, data in packets:
                everybody[destination].receive(data, local)
            packets.clear()

    gc.collect()
    for _ in range(calls):
        ends[left].invite(
            uri="sip:202@192.0.2.1:5060",
            destination=middle,
            from_="<sip:ivanov-desk@romashka.example>",
            to="<sip:202@romashka.example>",
            contact="<sip:ivanov-desk@192.0.2.2:5060>",
            sdp=SDP,
            listener=Deaf(),
        )
    # The callers' sessions are made before tracing starts; the called end is counted with us.
    offers = ends[left].take_output()
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for destination, data in offers:
        everybody[destination].receive(data, left)
    settle()
    now[0] = 40.0
    for one in everybody.values():
        one.run_timers()
    settle()
    gc.collect()
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    size = sum(found.size_diff for found in after.compare_to(before, "filename"))
    return size / calls


def worst_message(mutations: int) -> float:
    """CPU milliseconds of the dearest of so many broken messages: the median of five for each that looks dear."""
    rng = random.Random(4475)
    seeds = good_messages()
    local, peer = Address("udp", "192.0.2.2", 5060), Address("udp", "192.0.2.1", 5060)

    def once(data: bytes) -> float:
        stack = Stack(local=local, clock=lambda: 0.0, on_invite=_ring_and_answer, transfers=True)
        start = time.process_time()
        stack.receive(data, peer)
        return 1000 * (time.process_time() - start)

    found = sorted((mutated(rng.choice(seeds), rng) for _ in range(mutations)), key=once)[-50:]
    return max(statistics.median(once(data) for _ in range(5)) for data in found)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(in_memory, 1000)
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
        return 0
    print(f"memory, the called end included: {memory(300) / 1024:.1f} KiB per established call", file=sys.stderr)
    bare = in_memory(2000)
    floor = relayed(arguments.rate, arguments.calls)
    figure, failed = on_sockets(arguments.rate, arguments.calls)
    row = {
        "bar": "B1 stack",
        "figure": round(figure, 3),
        "unit": f"ms CPU a call at {arguments.rate}/s, {failed} failed; {bare:.3f} in memory; floor: a blind UDP relay",
        "goal": GOAL,
        "floor": round(floor, 3),
        "ratio": round(figure / floor, 2),
        "holds": figure <= GOAL and not failed,
    }
    print(json.dumps(row))
    worst = worst_message(10_000)
    what = "ms CPU of the dearest of 10,000 mutated messages, the median of 5"
    print(json.dumps({"bar": "B1 worst message", "figure": round(worst, 3), "unit": what, "goal": WORST,
                      "floor": None, "ratio": None, "holds": worst <= WORST}))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
