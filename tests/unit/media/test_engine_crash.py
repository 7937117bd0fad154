"""What survives when the engine is killed, comes late, or is started twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
import uvloop
from unit.media.conftest import MediaEngine
from unit.media.media_desk import Desk, sounding, tell
from unit.media.media_phone import PCMA, loudest

from pbx.media.engine_client import EngineClient


def test_a_killed_engine_is_back_in_the_call(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        music = await desk.client.play("a", [{"file": own_engine.prompt(600, 30)}], loop=True)
        short = await desk.phone("b")
        await desk.client.play("b", [{"file": own_engine.prompt(900, 0.5)}])
        quiet = await desk.phone("c")
        await phone.hears_tone(600)
        before = phone.heard[-1].ssrc
        address = desk.client.address

        own_engine.kill()
        await desk.event(event="gone")
        late = await desk.client.play("c", [{"tone": "busy"}])  # wanted while the engine is away
        await desk.client.remove_leg("b")
        await desk.event(event="played", leg="b", reason="gone")
        own_engine.start()
        started = asyncio.get_running_loop().time()
        await desk.event(event="back")
        await asyncio.gather(phone.hears_tone(600), quiet.hears_tone(425))
        back = next(each for each in phone.heard if each.ssrc != before)
        assert back.at - started < 1.0
        assert desk.client.address == address
        mark = len(short.heard)
        await desk.client.stop("a")
        await desk.event(event="played", play=music, reason="stopped")
        await desk.client.stop("c")
        await desk.event(event="played", play=late, reason="stopped")
        assert len(short.heard) == mark

    tell(own_engine, story)


def test_a_prompt_goes_on_where_it_would_be(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        items = [{"file": own_engine.prompt(600, 0.4)}, {"file": own_engine.prompt(900, 30)}]
        play = await desk.client.play("a", items)
        await phone.hears_tone(600)
        own_engine.kill()
        await desk.event(event="gone")
        own_engine.start()
        await phone.hears_tone(900)
        first = [each for each in sounding(phone.heard) if loudest(each.payload, PCMA) < 700]
        assert len(first) < 20, "the first item was heard again from its beginning"
        await desk.client.remove_leg("a")
        await desk.event(event="played", play=play, reason="gone")

    tell(own_engine, story)


def test_a_prompt_that_ended_meanwhile_is_told_once(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        await desk.phone("a")
        play = await desk.client.play("a", [{"silence": 0.2}])
        own_engine.kill()
        await desk.event(event="gone")
        own_engine.start()
        await desk.event(event="back")
        await desk.event(event="played", play=play, reason="end")
        assert len([each for each in desk.events if each.get("play") == play]) == 1

    tell(own_engine, story)


def test_another_process_of_the_same_name_takes_over(media_engine: MediaEngine) -> None:
    async def run() -> None:
        first = EngineClient("calls/1")
        await first.connect(media_engine.socket)
        desk = Desk(media_engine, first)
        phone = await desk.phone("a")
        await first.play("a", [{"tone": "ringback"}])
        await phone.hears_tone(425)
        await first.close()
        await phone.hears_tone(425, 8)  # a lost connection alone ends nothing

        second = EngineClient("calls/1")
        assert await second.connect(media_engine.socket)
        await second.status()
        assert (await second.status())["legs"] == 0  # the new process wants no legs
        await second.close()
        phone.close()

    asyncio.run(run())


def test_an_engine_that_stays_away_is_told(own_engine: MediaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx.media.engine_client.PATIENCE", 0.5)

    async def story(desk: Desk) -> None:
        await desk.phone("a")
        await desk.phone("b")
        prompt = await desk.client.play("a", [{"silence": 60}])
        music = await desk.client.play("b", [{"silence": 60}], loop=True)
        own_engine.kill()
        await desk.event(event="played", play=prompt, reason="gone")
        assert await desk.client.status() == {}
        await desk.client.play("b", [{"tone": "busy"}])
        await desk.event(event="played", play=music, reason="stopped")
        own_engine.start()
        await desk.event(event="back")
        await desk.phones[1].hears_tone(425)

    tell(own_engine, story)


def test_a_client_may_come_before_the_engine(own_engine: MediaEngine) -> None:
    async def run() -> None:
        own_engine.stop()
        client = EngineClient("early")
        assert not await client.connect(own_engine.socket, wait=0.2)
        desk = Desk(own_engine, client)
        client.address = ("127.0.0.1", own_engine.port)
        phone = await desk.phone("a")
        await client.play("a", [{"tone": "ringback"}])
        own_engine.start()
        await phone.hears_tone(425)
        await client.close()
        phone.close()

    asyncio.run(run())


def test_a_call_ends_in_the_moment_in_which_the_engine_is_gone(own_engine: MediaEngine) -> None:
    """The transport knows it already, the reader not yet. uvloop, as pbx-calls has: its transport raises then."""

    async def run() -> None:
        client = EngineClient("moment")
        assert await client.connect(own_engine.socket)
        await client.add_leg("a", remote=("127.0.0.1", 9), payload=8)
        assert client._link is not None
        client._link.writer.transport.abort()
        await asyncio.sleep(0)  # the handle is closed in the next turn of the loop
        assert client.connected
        await client.remove_leg("a")
        await client.close()

    uvloop.run(run())


def test_a_second_engine_leaves_the_first_alone(media_engine: MediaEngine) -> None:
    config = str(media_engine.folder / "media.json")
    second = subprocess.run(
        [sys.executable, "-m", "pbx.server.media", "--config", config],
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 1
    assert b"Address already in use" in second.stderr and b"Traceback" not in second.stderr

    async def story(desk: Desk) -> None:
        assert (await desk.client.status())["legs"] == 0
        assert os.stat(media_engine.socket).st_mode & 0o777 == 0o660

    tell(media_engine, story)
