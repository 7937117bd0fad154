"""B1: what a complete call of two legs costs the Python of pbx-calls, without a socket to SIP or to the relay.

The exchange is the real one with story, journal, log of kept calls, events and timers; the relay answers each command
with the SDP of its question, and two ends of ready-made packets call and answer. Beside it the SIP stack alone between
the same ends, so that the ratio of one run says what calls cost above it. `--profile` prints where the time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import orjson
import uvloop
from bench.local_stack import document_of
from bench.sip_stack import SDP, Bridge

from pbx.calls.events import Events
from pbx.calls.live.connections import Edge
from pbx.calls.live.exchange import Exchange
from pbx.calls.live.last_numbers import LastNumbers
from pbx.calls.live.mailbox import Boxes
from pbx.calls.live.own_settings import OwnSettings
from pbx.calls.live.recogniser import Recogniser
from pbx.calls.live.serving import Serving
from pbx.features.story import again, story
from pbx.media.engines import Engines
from pbx.media.ng import NgClient
from pbx.media.relays import Relays
from pbx.model import build
from pbx.server.calls import JournalRecorder
from pbx.sip import Address, Stack
from pbx.store.journal import Journal
from pbx.store.kept_calls import KeptCalls

EXAMPLES = Path(__file__).parents[2] / "examples"
OURS, EDGE = Address("udp", "192.0.2.1", 5070), Address("udp", "192.0.2.2", 5080)
GAP = 1 / 300  # seconds of the clock from call to call
UP_AT_ONCE = 90  # calls that last while others come: 0.3 s of them
TO_TAG = re.compile(rb"\r\nTo: ([^\r]*)")
CALL_ID = re.compile(rb"\r\nCall-ID: ([^\r]*)")
CONTACT = re.compile(rb"\r\nContact: <([^>]*)>")
OF_ANSWER = re.compile(rb"\r\n(?:Via|From|Call-ID|CSeq|Record-Route): [^\r]*")
INVITE = (
    b"INVITE sip:202@romashka.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5080;branch=z9hG4bKi%(n)d\r\n"
    b"Record-Route: <sip:192.0.2.2:5080;lr>\r\n"
    b'From: "Ivanov" <sip:ivanov-desk@romashka.example>;tag=a%(n)d\r\nTo: <sip:202@romashka.example>\r\n'
    b"Call-ID: %(n)d@bench\r\nCSeq: 1 INVITE\r\nContact: <sip:ivanov-desk@192.0.2.9:5060>\r\nMax-Forwards: 69\r\n"
    b"X-PBX-Tenant: romashka\r\nX-PBX-Source: device ivanov-desk\r\nX-PBX-Transport: udp\r\nX-PBX-Edge: edge1\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\nContent-Type: application/sdp\r\n"
    b"Content-Length: %(size)d\r\n\r\n%(sdp)s"
)
IN_DIALOG = (
    b"%(method)s %(to)s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5080;branch=z9hG4bK%(method)s%(id)s\r\n"
    b'From: "Ivanov" <sip:ivanov-desk@romashka.example>;tag=a%(n)s\r\nTo: %(peer)s\r\nCall-ID: %(id)s\r\n'
    b"CSeq: %(cseq)d %(method)s\r\nMax-Forwards: 69\r\nContent-Length: 0\r\n\r\n"
)


class Ends:
    """Both ends of all calls, as far as they stand behind an edge: packets in, packets out."""

    def __init__(self) -> None:
        self.number = 0
        self.up: list[dict[bytes, bytes | int]] = []
        self.ended = 0

    def invite(self) -> bytes:
        self.number += 1
        return INVITE % {b"n": self.number, b"size": len(SDP), b"sdp": SDP}

    def hear(self, data: bytes) -> list[bytes]:
        """What the ends say to a packet of ours."""
        if data.startswith(b"INVITE"):
            return [_answer(data, b"180 Ringing", b""), _answer(data, b"200 OK", SDP)]
        if data.startswith(b"BYE"):
            return [_answer(data, b"200 OK", b"")]
        if not data.startswith(b"SIP/2.0 200"):
            return []
        if b" INVITE\r\n" not in data:
            self.ended += 1
            return []
        call_id, to, contact = (_found(what, data) for what in (CALL_ID, TO_TAG, CONTACT))
        call: dict[bytes, bytes | int] = {b"to": contact, b"peer": to, b"id": call_id, b"n": call_id.partition(b"@")[0]}
        self.up.append(call)
        return [IN_DIALOG % {**call, b"method": b"ACK", b"cseq": 1}]

    def bye(self) -> bytes:
        """The call that has been up for longest is hung up."""
        return IN_DIALOG % {**self.up.pop(0), b"method": b"BYE", b"cseq": 2}


def _found(what: re.Pattern[bytes], data: bytes) -> bytes:
    found = what.search(data)
    assert found is not None, data
    return found[1]


def _answer(data: bytes, status: bytes, sdp: bytes) -> bytes:
    head = b"".join(OF_ANSWER.findall(data.partition(b"\r\n\r\n")[0]))
    kind = b"Content-Type: application/sdp\r\n" if sdp else b""
    to = _found(TO_TAG, data)
    tag = b"" if b";tag=" in to else b";tag=b"
    return (
        b"SIP/2.0 %s%s\r\nTo: %s%s\r\nContact: <sip:petrova-desk@192.0.2.10:5060>\r\n%sContent-Length: %d\r\n\r\n%s"
        % (status, head, to, tag, kind, len(sdp), sdp)
    )


class Relay(asyncio.DatagramTransport):
    """rtpengine, as far as its answers go: each SDP comes back as it went."""

    def __init__(self, client: NgClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()

    def sendto(self, data: bytes, addr: object = None) -> None:
        cookie, _, body = data.partition(b" ")
        answer = {"result": "ok", "sdp": orjson.loads(body).get("sdp"), "tags": {}, "totals": {}}
        self._loop.call_soon(self._client._received, cookie + b" " + orjson.dumps(answer))


class Wire:
    """Takes what a stack has to say to the ends and brings what they answer; its clock moves from call to call."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ends = Ends()
        self.before_flush: Callable[[], None] = lambda: None
        self.stack: Stack

    def flush(self) -> None:
        self.before_flush()
        for _, data in self.stack.take_output():
            for answer in self.ends.hear(data):
                asyncio.get_running_loop().call_soon(self.receive, answer)

    def wake(self) -> None:
        asyncio.get_running_loop().call_soon(self.flush)

    def receive(self, data: bytes) -> None:
        self.stack.receive(data, EDGE)
        assert not self.stack.faults  # or the ends would wait for ever
        self.flush()

    async def calls(self, number: int) -> float:
        """CPU milliseconds a call."""
        began, until = time.process_time(), self.ends.ended + number
        for index in range(number + UP_AT_ONCE):
            if index < number:
                self.receive(self.ends.invite())
            while len(self.ends.up) < min(index + 1, UP_AT_ONCE) and index < number:  # noqa: ASYNC110 - CPU is measured, not time
                await asyncio.sleep(0)
            if index >= UP_AT_ONCE:
                self.receive(self.ends.bye())
            self.now += GAP
            self.stack.run_timers()
            self.flush()
            await asyncio.sleep(0)
        while self.ends.ended < until:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return 1000 * (time.process_time() - began) / number


async def exchange_of(wire: Wire, folder: Path) -> Exchange:
    """A whole exchange at the wire, serving the reference model."""
    document = document_of(EXAMPLES)
    tenants = document["tenants"]
    plain, revisions = ({name: one[what] for name, one in tenants.items()} for what in ("plain", "revision"))
    model = build.model(document["site"]["plain"], plain, revisions)
    relay = NgClient()
    relay._transport = Relay(relay)
    journal = Journal(folder / "journal", node="bench", boot="000000000001")
    kept = KeptCalls(folder / "up")
    kept.read()
    exchange = Exchange(
        edges={"edge1": Edge("edge1", EDGE, "192.0.2.2", 5060)},
        relays=Relays([relay]),
        engine=Engines("bench", lambda: []),
        recorder=JournalRecorder(journal, lambda: None),
        story=story,
        again=again,
        kept=kept,
        clock=time.time,
        events=Events("000000000001", time.time),
        settings=OwnSettings(lambda row: None, lambda: 0),
        last=LastNumbers(lambda tenant, telephones: []),
        recogniser=Recogniser(None, time.monotonic),
        boxes=cast(Boxes, SimpleNamespace(of=lambda tenant: None)),  # these calls reach none
    )
    exchange.serve(Serving.of(model, {}, "", model.tenants))
    exchange.leases = dict.fromkeys(model.tenants, 1)
    wire.before_flush = exchange.recovery.keep_changed
    wire.stack = Stack(local=OURS, clock=lambda: wire.now, on_invite=exchange.on_invite, transfers=True)
    wire.stack.layer.wake = wire.wake
    exchange._stack, exchange._flush = wire.stack, wire.flush
    return exchange


async def measure(calls: int, runs: int, profile: bool) -> tuple[float, float]:
    """CPU milliseconds of a call: of all of pbx-calls, and of the stack alone, the medians of runs by turns."""
    alone, whole = Wire(), Wire()
    alone.stack = Stack(
        local=OURS, clock=lambda: alone.now, on_invite=lambda call: Bridge(alone.stack, call, EDGE) and None
    )
    with tempfile.TemporaryDirectory() as folder:
        exchange = await exchange_of(whole, Path(folder))
        for wire in (alone, whole):
            await wire.calls(300)
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1000)
        if profile:
            profiler = cProfile.Profile()
            profiler.enable()
            await whole.calls(calls)
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(70)
        figures = [(await whole.calls(calls), await alone.calls(calls)) for _ in range(runs)]
        assert not exchange.calls and not exchange.refused
        return statistics.median(one for one, _ in figures), statistics.median(other for _, other in figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    loop = uvloop.new_event_loop()
    whole, alone = loop.run_until_complete(measure(arguments.calls, arguments.runs, arguments.profile))
    unit = "ms CPU a call in memory: pbx-calls with journal and log, without sockets; floor: the SIP stack alone"
    row = {"bar": "B1 in memory", "figure": round(whole, 3), "unit": unit, "goal": None, "floor": round(alone, 3)}
    print(json.dumps({**row, "ratio": round(whole / alone, 2), "holds": True}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
