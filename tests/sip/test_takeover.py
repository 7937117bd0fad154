"""Two call processes on one host: one is killed, or stopped and wakes up, and the other goes on with its calls."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.local_stack import CALLS_PORT, EDGE_PORT, Place, Stack, running
from phones import message
from phones.message import Message
from phones.scripted.edge import CalleeLeg, CallerLeg, Incoming, Peer, ScriptedEdge

from pbx.calls.simulated.world import Person
from pbx.store import database

pytestmark = pytest.mark.row("R33")

SECOND_PORT = CALLS_PORT + 1
DOMAIN = "romashka.example"


class Edge(ScriptedEdge):
    """Sends to whoever says that it has romashka's lease, with the highest epoch; notes what comes from whom."""

    def __init__(self, host: str, person: Person) -> None:
        super().__init__(host, EDGE_PORT, (host, CALLS_PORT), lambda token, user, trunk, invite: person)
        self.epoch = 0
        self.heard: list[tuple[float, int, str]] = []  # when, from which port, the first line
        self.told: list[Message] = []  # NOTIFYs
        self.holder: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        received = message.parse(data) if data.strip() else None
        if received is not None:
            self.heard.append((time.monotonic(), addr[1], data.split(b"\r\n", 1)[0].decode()))
        if received is not None and received.method == "NOTIFY":
            self.told.append(received)
            self.reply(received, 200, "OK")
            return
        if received is not None and (told := received.get("X-PBX-Holder")):
            tenant, epoch = told.split()
            if tenant == "romashka" and int(epoch) >= self.epoch:
                self.epoch, self._calls = int(epoch), addr
                if not self.holder.done():
                    self.holder.set_result(addr)
        super().datagram_received(data, addr)

    @property
    def rung(self) -> list[CalleeLeg]:
        return [leg for leg in self._legs.values() if isinstance(leg, CalleeLeg)]

    def watch(self, user: str, sequence: int, more: str = "", device: str = "sidorov-desk") -> None:
        """SUBSCRIBE to the calls of a user; `more` is the tag of a refresh."""
        lines = [
            f"SUBSCRIBE sip:{user}@{DOMAIN} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKwatch{sequence}",
            f"Record-Route: <sip:{self.host}:{self.port};lr>",
            f"From: <sip:{device}@{DOMAIN}>;tag=w",
            f"To: <sip:{user}@{DOMAIN}>{more}",
            "Call-ID: watch",
            f"CSeq: {sequence} SUBSCRIBE",
            f"Contact: <sip:{device}@{self.host}:{self.port}>",
            "Event: dialog",
            "Expires: 600",
            "X-PBX-Tenant: romashka",
            f"X-PBX-Source: device {device}",
            "X-PBX-Edge: edge1",
            "Content-Length: 0",
        ]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def dial(self, user: str, *, caller: str = "ivanov-desk") -> CallerLeg:
        headers = [("X-PBX-Tenant", "romashka"), ("X-PBX-Transport", "udp"), ("X-PBX-Edge", "edge1")]
        return self.call(Incoming(user, DOMAIN, caller, [*headers, ("X-PBX-Source", f"device {caller}")]))


@pytest.fixture
def host() -> str:
    return f"127.{200 + (os.getpid() >> 16) % 50}.{(os.getpid() >> 8) % 256}.{os.getpid() % 254 + 1}"


@pytest.fixture
def two(tmp_path: Path, host: str) -> Iterator[Stack]:
    """The second process of the host, as `pbx-calls@2` starts it; the first owns all tenants."""
    folder = tmp_path / "stack"
    place = Place(calls=host, edge=host, host=host)
    with running(folder, place) as stack:
        config = ("--config", str(folder / "calls.json"), "--instance", "2")
        stack.start("second", sys.executable, "-m", "pbx.server.calls", *config)
        yield stack


@asynccontextmanager
async def edge_of(host: str, person: Person, stack: Stack) -> AsyncIterator[Edge]:
    edge = Edge(host, person)
    await edge.open()
    try:
        await until(lambda: "romashka" in stack.ask("status").get("epochs", {}), "the first has its lease")
        await until(lambda: second_is_steady(stack), "the second has beaten for a while")
        yield edge
    finally:
        edge.close()


def second_is_steady(stack: Stack) -> bool:
    db = database.connect(stack.folder / "store.sqlite", create=False)
    try:
        rows = db.execute("SELECT beat FROM lease WHERE tenant = '@bench.2'").fetchall()
    finally:
        db.close()
    started = Path(f"/proc/{stack.processes['second'].pid}").stat().st_ctime
    return bool(rows) and rows[0][0] / 1000 - started > 4.5


async def until(holds: Callable[[], bool], what: str, seconds: float = 12.0) -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.05)


def records(stack: Stack) -> list[dict[str, Any]]:
    db = database.connect(stack.folder / "store.sqlite", create=False)
    try:
        return list(database.last_calls(db, last=100))
    finally:
        db.close()


async def up(leg: CallerLeg) -> None:
    await until(lambda: leg.is_up, "answered")


def test_the_calls_of_a_process_that_stays_dead_go_on_in_the_other(two: Stack, host: str) -> None:
    async def run() -> None:
        async with edge_of(host, Person(answers=0.2, talks=600.0), two) as edge:
            talking = edge.dial("202")
            await up(talking)
            killed = time.monotonic()
            two.processes["calls"].kill()
            two.processes["calls"].wait()
            async with asyncio.timeout(8):
                assert (await edge.holder)[1] == SECOND_PORT
            print(f"taken over after {time.monotonic() - killed:.2f} s")
            assert time.monotonic() - killed < 5.0
            new = edge.dial("202", caller="sidorov-desk")
            await up(new)
            callee = edge.rung[0]
            talking.bye()
            async with asyncio.timeout(3):
                assert await callee.over == 200
            new.bye()
            await until(lambda: all(r["ended"] for r in records(two)) and len(records(two)) == 2, "records")
            two.start("calls")  # it lives again: the other has no calls of its tenant any more
            await asyncio.to_thread(two.wait_until_served)
            await until(lambda: edge.epoch == 3, "it is given back")
            home = edge.dial("202")
            await up(home)
            assert edge.heard[-1][1] == CALLS_PORT
            home.bye()
            await until(lambda: all(r["ended"] for r in records(two)) and len(records(two)) == 3, "records")

    asyncio.run(run())
    assert {(r["disposition"], r["hung_up_by"]) for r in records(two)} == {("answered", "caller")}
    assert [r["node"] for r in records(two)] == ["bench.1", "bench.2", "bench.2"]


@pytest.mark.row("R10")
def test_whoever_watches_is_told_by_the_other_process(two: Stack, host: str) -> None:
    async def run() -> None:
        async with edge_of(host, Person(answers=0.2, talks=600.0), two) as edge:
            edge.watch("202", 1)
            talking = edge.dial("202")
            await up(talking)
            await until(lambda: b">confirmed<" in edge.told[-1].body, "told by the first")
            tag = ";tag=" + message.parameter(edge.told[-1]["From"], "tag")
            before, seen = edge.told[-1].sequence, len(edge.told)
            two.processes["calls"].kill()
            two.processes["calls"].wait()
            await until(lambda: len(edge.told) > seen, "told by the other")
            assert b">confirmed<" in edge.told[-1].body and edge.told[-1].sequence > before
            assert two_status(two)["subscriptions"] == 1
            seen = len(edge.told)
            edge.watch("202", 2, tag)
            await until(lambda: len(edge.told) > seen, "refreshed")
            talking.bye()
            await until(lambda: b">terminated<" in edge.told[-1].body, "told of the end")
            two.start("calls")
            await asyncio.to_thread(two.wait_until_served)
            await until(lambda: edge.epoch == 3, "it is given back")
            await until(lambda: "deactivated" in edge.told[-1]["Subscription-State"], "sent to the first", 20.0)
            assert two_status(two)["subscriptions"] == 0

    asyncio.run(run())


def two_status(stack: Stack) -> dict[str, Any]:
    """What the second process says of itself."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(stack.folder / "control-2.sock"))
        sock.sendall(b'{"id": 1, "cmd": "status"}\n')
        with sock.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline())
    return answer


def test_a_stopped_process_that_wakes_up_says_nothing(two: Stack, host: str) -> None:
    async def run() -> None:
        async with edge_of(host, Person(answers=14.0, talks=600.0), two) as edge:
            ringing = edge.dial("202")
            echoed = edge.dial("*43", caller="sidorov-desk")
            await until(lambda: len(edge.rung) == 1 and echoed.is_up, "one rings, one is in the echo test")
            first = two.processes["calls"]
            first.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(8):
                await edge.holder
            async with asyncio.timeout(4):
                assert await edge.rung[0].over == 487  # nobody would hear its answer: it is rung anew
            await until(lambda: len(edge.rung) == 2, "it is rung by the other")
            await asyncio.sleep(4)  # so long is it stopped in all: some 10 s
            first.send_signal(signal.SIGCONT)
            woken = time.monotonic()
            assert await asyncio.to_thread(first.wait, 5) == os.EX_TEMPFAIL
            await until(lambda: ringing.is_up, "answered in the end", 25.0)
            assert not [line for at, port, line in edge.heard if at > woken and port == CALLS_PORT]
            ringing.bye()
            echoed.bye()
            await until(lambda: all(r["ended"] for r in records(two)) and len(records(two)) == 2, "records")

    asyncio.run(run())
    assert [r["disposition"] for r in records(two)] == ["answered", "answered"]
    assert ends(two) == {r["id"]: 1 for r in records(two)}


def ends(stack: Stack) -> Counter[str]:
    """How often each call ended, in the journals of all processes; what was shipped and deleted is left out."""
    journals = (stack.folder / "journal").glob("*.journal")
    lines = [json.loads(line.partition(b" ")[2]) for path in journals for line in path.read_bytes().splitlines()]
    return Counter(line["id"] for line in lines if line["kind"] == "end")
