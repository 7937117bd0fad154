"""Calls without sound on a real pbx-calls and rtpengine: one that nobody speaks on ends; sound or a hold keeps it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench.local_stack import CALLS_PORT, EDGE_PORT, Place, Stack, running
from phones.message import Message
from phones.scripted.edge import CallerLeg, Incoming, ScriptedEdge
from phones.scripted.simulation import house

from pbx.calls.simulated.world import Person
from pbx.store import database

pytestmark = pytest.mark.row("R21")

HOST = f"127.35.{os.getpid() % 250}.{os.getpid() // 250 % 250 + 1}"
TIMEOUT = 10.0  # seconds, the shortest that the grammar allows
LATEST = 1.5 * TIMEOUT + 2  # it is looked at twice in the time
ANSWERS = Person(answers=0.1, talks=600.0)
RTP = bytes.fromhex("8008000100000001deadbeef") + b"\xd5" * 160


def document() -> dict[str, Any]:
    plain = house().tenant_plain["house"]
    head = {**plain["tenant"], "media_timeout": f"{TIMEOUT:.0f}s"}
    tenants = {"house": {"revision": "r1", "plain": {**plain, "tenant": head, "prompts": {}}}}
    return {"format": 1, "site_revision": "r", "tenants": tenants, "site": {"plain": house().site_plain}}


class Caller:
    """A leg of the scripted edge whose sound goes where it was told."""

    def __init__(self, edge: ScriptedEdge, caller: str, dialled: str) -> None:
        headers = [("X-PBX-Tenant", "house"), ("X-PBX-Transport", "udp"), ("X-PBX-Edge", "edge1")]
        headers.append(("X-PBX-Source", f"device {caller}-desk"))
        domain = house().model.tenants["house"].domain
        self.edge = edge
        self.leg: CallerLeg = edge.call(Incoming(dialled, domain, f"{caller}-desk", headers))
        self.port = 0
        react = self.leg.on_response

        def learn(response: Message) -> None:
            found = re.search(rb"^m=audio (\d+)", response.body, re.M)
            if found and not self.port:
                self.port = int(found[1])
            react(response)

        self.leg.on_response = learn  # type: ignore[method-assign]

    async def speak(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            while True:
                if self.port:
                    mouth.sendto(RTP, (HOST, self.port))
                await asyncio.sleep(0.5)

    def hold(self) -> None:
        sdp = self.edge.sdp().replace(b"a=sendrecv", b"a=sendonly")
        self.leg.send(self.leg.request("UPDATE", [("Content-Type", "application/sdp")], sdp))


async def until(done: Callable[[], bool]) -> None:
    for _ in range(200):
        if await asyncio.to_thread(done):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


async def lived(stack: Stack) -> float:
    """How long the call that nobody speaks on was up; the other two go on."""
    edge = ScriptedEdge(HOST, EDGE_PORT, (HOST, CALLS_PORT), lambda *_: ANSWERS)
    await edge.open()
    try:
        await until(lambda: bool(stack.ask("status")["epochs"]))
        silent, spoken, held = (Caller(edge, *who) for who in (("anna", "202"), ("dina", "204"), ("egor", "208")))
        await until(lambda: silent.leg.is_up and spoken.leg.is_up and held.leg.is_up)
        began = time.monotonic()
        held.hold()
        mouth = asyncio.ensure_future(spoken.speak())
        async with asyncio.timeout(LATEST + 3):
            assert await silent.leg.over == 200
        after = time.monotonic() - began
        await asyncio.sleep(TIMEOUT)  # as long again: the others have had every chance to be ended
        assert spoken.leg.is_up and held.leg.is_up
        mouth.cancel()
        assert not [leg for leg in edge.legs() if leg.is_up and "boris" in leg.remote + leg.local]
        return after
    finally:
        edge.close()


def test_a_call_without_sound_is_ended_at_both_ends_and_its_record_says_why(tmp_path: Path) -> None:
    with running(tmp_path / "stack", Place(HOST, HOST, host=HOST), document=document()) as stack:
        after = asyncio.run(lived(stack))
        end = time.monotonic() + 10
        while True:
            db = database.connect(tmp_path / "stack" / "store.sqlite", create=False)
            rows = [row for row in database.last_calls(db, last=10) if row["dialled"] == "202" and row["ended"]]
            db.close()
            if rows or time.monotonic() > end:
                break
            time.sleep(0.1)
    assert TIMEOUT <= after <= LATEST
    assert rows[0]["hung_up_by"] == "media_timeout" and rows[0]["disposition"] == "answered"
    assert "nobody sent sound for 10 s" in rows[0]["reasons"]
