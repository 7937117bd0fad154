"""Calls by the API socket of a real pbx-calls: asked for, seen in the stream, held, hung up, and through a SIGKILL."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench.local_stack import CALLS_PORT, EDGE_PORT, Place, Stack, running
from phones.message import Message
from phones.scripted.edge import CalleeLeg, ScriptedEdge
from phones.scripted.simulation import house

from pbx.calls.simulated.world import Person
from pbx.store import database

pytestmark = pytest.mark.row("R06")

HOST = f"127.33.{os.getpid() % 250}.{os.getpid() // 250 % 250 + 1}"
WITHIN = 10.0  # seconds
ANSWERS = Person(answers=0.2, talks=600.0)
RINGS = Person()


@dataclass
class Scene:
    """The PBX, the scripted edge around it, and one reader of the stream."""

    stack: Stack
    edge: ScriptedEdge
    people: dict[str, Person]
    reader: asyncio.StreamReader
    rung: list[str]

    def ask(self, command: str, **more: object) -> Any:
        return asyncio.to_thread(self.stack.ask, command, on="api", tenant="house", **more)

    async def until(self, event: str, **expected: object) -> dict[str, Any]:
        """The next event of that name, all in between passed over."""
        async with asyncio.timeout(WITHIN):
            while True:
                found: dict[str, Any] = orjson.loads(await self.reader.readline())
                if found["event"] == event:
                    assert {name: found[name] for name in expected} == expected
                    return found

    def leg(self, device: str) -> CalleeLeg:
        legs = [leg for leg in self.edge.legs() if isinstance(leg, CalleeLeg) and device in leg.invite.uri]  # type: ignore[union-attr]
        return legs[-1]


def _owned(stack: Stack) -> None:
    """Until pbx-calls has the lease of the tenant."""
    end = time.monotonic() + WITHIN
    while not stack.ask("served", on="api")["tenants"]:
        assert time.monotonic() < end, "pbx-calls owns no tenant"
        time.sleep(0.02)


@asynccontextmanager
async def scene(folder: Path, **people: Person) -> AsyncIterator[Scene]:
    plain = house().tenant_plain["house"]
    tenants = {"house": {"revision": "r1", "plain": {**plain, "prompts": {}}}}
    document = {"format": 1, "site_revision": "r", "tenants": tenants, "site": {"plain": house().site_plain}}
    rung: list[str] = []
    behaving = dict(people)

    def behave(token: str, user: str, trunk: str, invite: Message) -> Person:
        rung.append(trunk or user)
        return behaving.get(trunk or user.replace("-", "_"), Person(status=480))

    with running(folder, Place(HOST, HOST, host=HOST), document=document) as stack:
        edge = ScriptedEdge(HOST, EDGE_PORT, (HOST, CALLS_PORT), behave)
        await edge.open()
        await asyncio.to_thread(_owned, stack)
        reader, writer = await asyncio.open_unix_connection(str(folder / "api.sock"))
        writer.write(b'{"cmd":"events","boot":"","since":0}\n')
        assert orjson.loads(await reader.readline())["gap"] is True
        try:
            yield Scene(stack, edge, behaving, reader, rung)
        finally:
            writer.close()
            edge.close()


def record(folder: Path, call: str) -> dict[str, Any]:
    db = database.connect(folder / "store.sqlite", create=False)
    try:
        rows = database.last_calls(db, call_id=call)
    finally:
        db.close()
    return dict(rows[0]) if rows else {"ended": None}


def test_a_call_is_asked_for_watched_held_and_hung_up(tmp_path: Path) -> None:
    async def story() -> str:
        async with scene(tmp_path / "stack", anna_desk=ANSWERS, boris_desk=ANSWERS, boris_soft=RINGS) as here:
            call: str = (await here.ask("place", user="anna", to="202"))["call"]
            started = await here.until("call.started", call=call, user="anna", dialled="202", source="api anna")
            await here.until("leg.ringing", call=call, leg="device anna-desk", user="anna")
            await here.until("call.answered", call=call)
            joined = await here.until("call.joined", call=call, leg="device boris-desk", user="boris")
            assert joined["seq"] > started["seq"] and joined["node"] == "user/boris"
            listed = (await here.ask("calls"))["calls"]
            assert [(one["call"], one["state"], one["held"]) for one in listed] == [(call, "talking", False)]
            here.leg("anna-desk").reinvite("sendonly")
            await here.until("call.held", call=call, by="caller")
            here.leg("anna-desk").reinvite("sendrecv")
            await here.until("call.resumed", call=call, by="caller")
            assert (await here.ask("hang_up", call=call))["ok"]
            await here.until("call.ended", call=call, disposition="answered", hung_up_by="api")
            async with asyncio.timeout(WITHIN):
                assert [await here.leg(one).over for one in ("anna-desk", "boris-desk")] == [200, 200]  # BYE at both
            assert (await here.ask("calls"))["calls"] == []
            assert (await here.ask("hang_up", call=call))["status"] == 404
            return call

    call = asyncio.run(story())
    row = record(tmp_path / "stack", call)
    assert (row["source"], row["hung_up_by"], row["answered_by"]) == ("api anna", "api", "device boris-desk")


def test_a_call_is_hung_up_while_the_own_device_rings(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path / "stack", anna_desk=RINGS) as here:
            call = (await here.ask("place", user="anna", to="202"))["call"]
            await here.until("leg.ringing", call=call)
            await here.ask("hang_up", call=call)
            await here.until("call.ended", call=call, disposition="cancelled", code=487)
            async with asyncio.timeout(WITHIN):
                assert await here.leg("anna-desk").over == 487
            assert here.rung == ["anna-desk"]

    asyncio.run(story())


@pytest.mark.row("R31")
def test_what_is_not_there_or_of_another_tenant_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path / "stack", anna_desk=ANSWERS, boris_desk=ANSWERS) as here:
            assert (await here.ask("place", user="nobody", to="202"))["status"] == 404
            assert (await asyncio.to_thread(
                here.stack.ask, "place", on="api", tenant="other", user="anna", to="202"
            ))["status"] == 404  # fmt: skip
            call = (await here.ask("place", user="anna", to="202"))["call"]
            await here.until("call.joined", call=call)
            other = await asyncio.to_thread(here.stack.ask, "hang_up", on="api", tenant="other", call=call)
            assert other["status"] == 404
            assert len((await here.ask("calls"))["calls"]) == 1
            await asyncio.to_thread(here.stack.ask, "drain")
            assert (await here.ask("place", user="anna", to="202"))["status"] == 503

    asyncio.run(story())


@pytest.mark.row("R33")
def test_a_call_of_the_api_goes_on_after_a_sigkill(tmp_path: Path) -> None:
    async def story() -> str:
        async with scene(tmp_path / "stack", anna_desk=ANSWERS, boris_desk=ANSWERS) as here:
            call: str = (await here.ask("place", user="anna", to="202"))["call"]
            await here.until("call.joined", call=call)
            here.stack.processes["calls"].kill()
            here.stack.processes["calls"].wait()
            await asyncio.to_thread(here.stack.start, "calls")
            await asyncio.to_thread(here.stack.wait_until_served)
            assert [one["call"] for one in (await here.ask("calls"))["calls"]] == [call]
            here.leg("boris-desk").bye()
            async with asyncio.timeout(WITHIN):
                assert await here.leg("anna-desk").over == 200
            return call

    call = asyncio.run(story())
    row = record(tmp_path / "stack", call)
    assert (row["disposition"], row["hung_up_by"]) == ("answered", "callee")


@pytest.mark.row("R11")
def test_who_calls_for_help_and_from_where_is_told_at_once(tmp_path: Path) -> None:
    async def story() -> str:
        async with scene(tmp_path / "stack", gleb_desk=ANSWERS, digits=ANSWERS) as here:
            call: str = (await here.ask("place", user="gleb", to="112"))["call"]
            told = await here.until("emergency.dialled", call=call, number="112", user="gleb", caller="204")
            assert (told["location"], told["address"]) == ("msk", "Москва, Примерная 1")
            assert (told["source"], told["shown"]) == ("api gleb", "+74951000001")
            await here.until("call.joined", call=call, leg="trunk digits")  # only then is anybody rung
            assert (await here.ask("hang_up", call=call))["ok"]
            await here.until("call.ended", call=call)
            return (tmp_path / "stack" / "calls.log").read_text()

    (alarm,) = [line for line in asyncio.run(story()).splitlines() if "alarm" in line]
    assert alarm == (
        "ALERT pbx.calls.live.state: alarm: house: 112 is called by Глеб (204) on api gleb"
        " at location/msk, Москва, Примерная 1; shown is +74951000001"
    )
