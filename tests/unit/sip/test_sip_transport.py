"""The sockets: two transports on loopback, SIPp as caller and as called, streams that break."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest
import uvloop
from unit.sip.sip_network import ANSWER, OFFER

from pbx.sip import Address, InviteSession, Request, Response, Stack
from pbx.sip.listener import Deaf
from pbx.sip.transport import SipTransport

# of this process alone: a port that is free on it stays so, whatever else runs on this machine
HOST = f"127.{100 + (os.getpid() >> 16) % 50}.{(os.getpid() >> 8) % 256}.{os.getpid() % 254 + 1}"
DEADLINE = 20.0  # seconds

Run = Callable[[Coroutine[None, None, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario on the loop of the standard library, and on the one that is used."""

    def runner(scenario: Coroutine[None, None, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(scenario)

    return runner


class Ear(Deaf):
    """Notes what its sessions tell, and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str] = asyncio.Queue()
        self.sources: list[Address] = []

    def invited(self, session: InviteSession) -> None:
        session.listener = self
        self.sources.append(session.source)
        session.provisional(180)
        session.accept(ANSWER)

    def answered(self, session: InviteSession, response: Response, sdp: bytes | None) -> None:
        self.events.put_nowait("answered")

    def confirmed(self, session: InviteSession) -> None:
        self.events.put_nowait("confirmed")

    def failed(self, session: InviteSession, status: int, reason: str, response: Response | None) -> None:
        self.events.put_nowait(f"failed {status}")

    def ended(self, session: InviteSession, request: Request | None, cause: str) -> None:
        self.events.put_nowait(cause)

    async def next(self) -> str:
        async with asyncio.timeout(DEADLINE):
            return await self.events.get()


@contextlib.asynccontextmanager
async def endpoint(ear: Ear, peers: list[str] | None = None) -> AsyncIterator[SipTransport]:
    def make(local: Address) -> Stack:
        return Stack(local=local, clock=asyncio.get_running_loop().time, on_invite=ear.invited)

    transport = SipTransport(make, HOST, 0, peers=peers)
    await transport.start()
    try:
        yield transport
    finally:
        await transport.close()


def call(transport: SipTransport, destination: Address, ear: Ear, sdp: bytes = OFFER) -> InviteSession:
    return transport.stack.invite(
        uri=f"sip:202@{destination.host_port}",
        destination=destination,
        from_="<sip:201@romashka.example>",
        to="<sip:202@romashka.example>",
        contact=f"<sip:token@{transport.stack.local.host_port}>",
        sdp=sdp,
        listener=ear,
    )


@pytest.mark.parametrize("padding", [0, 4000])
def test_call_over_sockets(run: Run, padding: int) -> None:
    """A small call goes by UDP, one with a browser's 4 KB of SDP by TCP; both without a word about flushing."""

    async def scenario() -> None:
        caller, called = Ear(), Ear()
        async with endpoint(caller) as left, endpoint(called) as right:
            sdp = OFFER + (b"a=x:" + b"y" * padding + b"\r\n" if padding else b"")
            session = call(left, right.stack.local, caller, sdp)
            assert await caller.next() == "answered"
            assert await called.next() == "confirmed"
            assert called.sources[0].transport == ("tcp" if padding else "udp")
            session.bye()
            assert await called.next() == "bye"

    run(scenario())


def test_refused_connection_is_told_at_once(run: Run) -> None:
    async def scenario() -> None:
        ear = Ear()
        async with endpoint(ear) as left:
            start = time.monotonic()
            call(left, Address("tcp", HOST, 9), ear)
            assert await ear.next() == "failed 503"
            assert time.monotonic() - start < 5

    run(scenario())


def test_strangers_are_not_heard(run: Run) -> None:
    async def scenario() -> None:
        ear, deaf = Ear(), Ear()
        async with endpoint(ear) as left, endpoint(deaf, peers=["192.0.2.1"]) as right:
            address = right.stack.local._replace(transport="tcp")
            call(left, address, ear)
            assert await ear.next() == "failed 503"
            left_udp = call(left, right.stack.local, ear)
            await asyncio.sleep(0)
            assert left_udp.state.value == "early"
            assert deaf.sources == []

    run(scenario())


def test_stream_that_cannot_be_followed_is_closed_and_pings_are_answered(run: Run) -> None:
    async def scenario() -> None:
        ear = Ear()
        async with endpoint(ear) as right:
            reader, writer = await asyncio.open_connection(HOST, right.stack.local.port)
            writer.write(b"\r\n\r\n")
            async with asyncio.timeout(DEADLINE):
                assert await reader.readexactly(2) == b"\r\n"
                writer.write(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
                assert await reader.read() == b""
            writer.close()

    run(scenario())


SIPP_UAC = Path(__file__).parents[2] / "bench/scenarios/uac.xml"
SIPP_UAS = Path(__file__).parents[2] / "bench/scenarios/uas.xml"


async def sipp(*arguments: str, folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "sipp", *arguments, "-i", HOST, "-nostdin", "-timeout", "20",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, cwd=folder)  # fmt: skip


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_sipp_calls_us(run: Run, transport: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        ear = Ear()
        async with endpoint(ear) as ours:
            caller = await sipp(
                ours.stack.local.host_port, "-sf", str(SIPP_UAC), "-t", transport, "-m", "20", "-r", "50", "-d", "50",
                folder=tmp_path)  # fmt: skip
            async with asyncio.timeout(DEADLINE):
                assert await caller.wait() == 0
            heard = [await ear.next() for _ in range(40)]
            assert heard.count("confirmed") == heard.count("bye") == 20
            assert ours.stack.faults == ours.stack.broken == 0

    run(scenario())


def test_we_call_sipp(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        ear = Ear()
        async with endpoint(ear) as ours, endpoint(Ear()) as placeholder:
            port = placeholder.stack.local.port
            await placeholder.close()  # its port is free now, and known
            called = await sipp("-sf", str(SIPP_UAS), "-p", str(port), "-m", "5", folder=tmp_path)
            sessions = [call(ours, Address("udp", HOST, port), ear) for _ in range(5)]
            assert [await ear.next() for _ in sessions] == ["answered"] * 5
            for session in sessions:
                session.bye()
            async with asyncio.timeout(DEADLINE):
                assert await called.wait() == 0

    run(scenario())


def test_timers_run_on_the_loop(run: Run) -> None:
    """A peer that is not there: the INVITE is repeated by the loop's own alarm."""

    class Counter(asyncio.DatagramProtocol):
        def __init__(self, heard: Callable[[], None]) -> None:
            self.heard = heard

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.heard()

    async def scenario() -> None:
        twice = asyncio.Event()
        heard: list[float] = []

        def note() -> None:
            heard.append(time.monotonic())
            if len(heard) == 2:
                twice.set()

        loop = asyncio.get_running_loop()
        silent, _ = await loop.create_datagram_endpoint(lambda: Counter(note), local_addr=(HOST, 0))
        port = silent.get_extra_info("sockname")[1]
        ear = Ear()
        async with endpoint(ear) as ours:
            call(ours, Address("udp", HOST, port), ear)
            async with asyncio.timeout(DEADLINE):
                await twice.wait()
        silent.close()
        assert heard[1] - heard[0] >= 0.49

    run(scenario())


def test_a_timer_that_is_late_stops_no_packet(run: Run) -> None:
    """A busy loop comes to a timer after its time: all that is flushed before it runs still leaves."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        late = SipTransport(
            lambda local: Stack(local=local, clock=lambda: loop.time() - 1, on_invite=Ear().invited), HOST, 0
        )
        await late.start()
        ran = asyncio.Event()
        late.stack.layer.timers.start(0, ran.set)
        try:
            late.flush()
            late.flush()
            async with asyncio.timeout(DEADLINE):
                await ran.wait()
        finally:
            await late.close()

    run(scenario())
