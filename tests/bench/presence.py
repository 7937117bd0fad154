"""B16: presence at one call process: 5,000 subscriptions of 250 phones, each of which watches 20 colleagues.

A script plays the edge and all phones over UDP. Memory: growth of the resident set of pbx-calls by the subscriptions,
when their transactions are gone. A NOTIFY: the CPU of 100 calls of watched people, less that of as many calls before
anybody watched, divided by the NOTIFYs. A busy group: 20 calls a second through a ring group that 200 phones watch. A
restart: SIGKILL, until each subscription was told anew, and the most NOTIFYs of any second meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).parent))

from local_stack import CALLS_PORT, EDGE_PORT, EXAMPLES, HOST, Stack, document_of, running
from phones.message import Message
from phones.scripted.edge import Incoming, ScriptedEdge

from pbx.calls.simulated.world import Person

FOLDER = Path("/tmp/pbx-bench-presence")
PHONES, KEYS = 250, 20
GROUP, WATCH_GROUP = "640", 200
FORGOTTEN = 34.0  # seconds: longer than timers F and J
DOMAIN = "romashka.example"
CALLS = 100
ANSWERS = Person(answers=0.4, talks=0.4)

_ECHOED = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:")


class Phones(ScriptedEdge):
    """The edge, whose phones also watch."""

    def __init__(self) -> None:
        super().__init__(HOST, EDGE_PORT, (HOST, CALLS_PORT), self._answers_soon)
        self.accepted = 0
        self.told: Counter[str] = Counter()  # by Call-ID
        self.seconds: Counter[int] = Counter()  # NOTIFYs by second

    @staticmethod
    def _answers_soon(token: str, user: str, trunk: str, invite: Message) -> Person:
        return ANSWERS

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"NOTIFY"):
            lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
            echo = b"\r\n".join(line for line in lines if line.startswith(_ECHOED))
            self.send(b"SIP/2.0 200 OK\r\n" + echo + b"\r\nContent-Length: 0\r\n\r\n")
            self.told[next(line for line in lines if line.startswith(b"Call-ID"))[9:].decode()] += 1
            self.seconds[int(time.monotonic())] += 1
        elif data.startswith(b"SIP/2.0 ") and b"\r\nCSeq: 1 SUBSCRIBE\r\n" in data:
            assert data.startswith(b"SIP/2.0 200"), data
            self.accepted += 1
        else:
            super().datagram_received(data, addr)

    @property
    def notifies(self) -> int:
        return self.told.total()

    async def watch(self, phone: int, resource: str) -> None:
        name = f"w-{phone}-{resource}"
        head = [
            f"SUBSCRIBE sip:{resource}@{DOMAIN} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{EDGE_PORT};branch=z9hG4bK{name}",
            f"Record-Route: <sip:{HOST}:{EDGE_PORT};lr>",
            f"From: <sip:u{phone}-desk@{DOMAIN}>;tag=f{phone}",
            f"To: <sip:{resource}@{DOMAIN}>",
            f"Call-ID: {name}",
            "CSeq: 1 SUBSCRIBE",
            "Max-Forwards: 69",
            f"Contact: <sip:u{phone}-desk@10.78.0.11:5060;alias=10.78.0.11~5060~1>",
            "Event: dialog",
            "Expires: 3600",
            "X-PBX-Tenant: romashka",
            f"X-PBX-Source: device u{phone}-desk",
            "X-PBX-Edge: edge1",
            "Content-Length: 0",
        ]
        self.send(("\r\n".join(head) + "\r\n\r\n").encode())
        await asyncio.sleep(0.001)

    async def dial(self, caller: int, dialled: str) -> None:
        headers = [("X-PBX-Tenant", "romashka"), ("X-PBX-Transport", "udp"), ("X-PBX-Edge", "edge1")]
        headers.append(("X-PBX-Source", f"device u{caller}-desk"))
        await self.call(Incoming(dialled, DOMAIN, f"u{caller}-desk", headers)).over


def document() -> dict[str, Any]:
    """The example with 250 people more, and a group of five of them."""
    made = document_of(EXAMPLES)
    plain = made["tenants"]["romashka"]["plain"]
    pattern = plain["users"]["petrova"]
    plain["users"] |= {f"u{n}": {**pattern, "extension": str(1000 + n)} for n in range(PHONES)}
    plain["ring_groups"]["office"]["members"] = [f"user/u{n}" for n in range(5)]
    return made


async def until(done: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about")
        await asyncio.sleep(0.02)


def report(figure: float, unit: str, goal: float) -> None:
    row = {"bar": "B16 presence", "figure": round(figure, 2), "unit": unit, "goal": goal, "floor": None, "ratio": None}
    print(json.dumps({**row, "holds": figure <= goal}), flush=True)


async def calls(stack: Stack, edge: Phones) -> float:
    """CPU seconds of 100 calls of people, 20 a second."""
    before = stack.cpu("calls")
    running_calls = []
    for number in range(CALLS):
        running_calls.append(asyncio.ensure_future(edge.dial(number, str(1000 + number + CALLS))))
        await asyncio.sleep(0.05)
    await asyncio.gather(*running_calls)
    await asyncio.sleep(1.5)
    return stack.cpu("calls") - before


async def subscriptions(stack: Stack, edge: Phones) -> None:
    """Memory of one, and what a SUBSCRIBE with its NOTIFY costs."""
    await asyncio.sleep(FORGOTTEN)
    before, cpu = stack.rss("calls"), stack.cpu("calls")
    for phone in range(PHONES):
        for key in range(KEYS):
            await edge.watch(phone, str(1000 + (phone + 1 + key * 12) % PHONES))
    await until(lambda: edge.accepted == len(edge.told) == PHONES * KEYS)
    cpu = stack.cpu("calls") - cpu
    await asyncio.sleep(FORGOTTEN)
    number = PHONES * KEYS
    assert stack.ask("status")["subscriptions"] == number
    report((stack.rss("calls") - before) / 1024 / number, f"KiB a subscription, {number} of them", 6.0)
    report(1000 * cpu / number, "ms CPU a SUBSCRIBE with its first NOTIFY", 0.8)


async def busy_group(stack: Stack, edge: Phones) -> None:
    """NOTIFYs a second to each of 200 phones that watch a group of 20 calls a second."""
    for phone in range(WATCH_GROUP):
        await edge.watch(phone, GROUP)
    await until(lambda: sum(edge.told[f"w-{phone}-{GROUP}"] for phone in range(WATCH_GROUP)) >= WATCH_GROUP)
    names = [f"w-{phone}-{GROUP}" for phone in range(WATCH_GROUP)]
    before, began, cpu = sum(edge.told[name] for name in names), time.monotonic(), stack.cpu("calls")
    running_calls = []
    for number in range(CALLS):
        running_calls.append(asyncio.ensure_future(edge.dial(100 + number, GROUP)))
        await asyncio.sleep(0.05)
    await asyncio.gather(*running_calls)
    lasted = time.monotonic() - began
    rate = (sum(edge.told[name] for name in names) - before) / WATCH_GROUP / lasted
    share = 100 * (stack.cpu("calls") - cpu) / lasted
    report(rate, f"NOTIFYs a second and watcher of a group with 20 calls a second ({share:.0f} % of a core)", 2.1)


async def restart(stack: Stack, edge: Phones) -> None:
    """SIGKILL: how long until all were told, and how many in the worst second."""
    edge.told.clear()
    edge.seconds.clear()
    stack.processes["calls"].send_signal(signal.SIGKILL)
    stack.processes["calls"].wait()
    began = time.monotonic()
    stack.start("calls")
    await asyncio.to_thread(stack.wait_until_served)
    served = time.monotonic() - began
    number = stack.ask("status")["subscriptions"]
    await until(lambda: len(edge.told) == number)
    report(
        time.monotonic() - began, f"s from SIGKILL until all {number} were told (it serves after {served:.2f} s)", 13
    )
    report(max(edge.seconds.values()), "NOTIFYs in the worst second of that", 700)


async def measure(stack: Stack) -> None:
    edge = Phones()
    await edge.open()
    try:
        await until(lambda: len(stack.ask("status")["epochs"]) == 1)
        await calls(stack, edge)  # to warm up
        unwatched = await calls(stack, edge)
        await subscriptions(stack, edge)
        before = edge.notifies
        watched = await calls(stack, edge)
        notifies = edge.notifies - before
        unit = f"ms CPU a NOTIFY, {notifies} for {CALLS} calls ({10 * unwatched:.2f} ms CPU a call that nobody watches)"
        report(1000 * (watched - unwatched) / notifies, unit, 0.4)
        await busy_group(stack, edge)
        await restart(stack, edge)
    finally:
        edge.close()


def main() -> int:
    with running(FOLDER, document=document()) as stack:
        asyncio.run(measure(stack))
    return 0


if __name__ == "__main__":
    sys.exit(main())
