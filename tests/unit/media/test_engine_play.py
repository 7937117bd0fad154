"""What a phone hears of the engine, with real sockets."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from unit.media.conftest import MediaEngine
from unit.media.media_desk import Desk, sounding, tell
from unit.media.media_phone import PCMA, PCMU, loudest

from pbx.media.engine_client import EngineError


def test_a_file_is_heard_whole_and_once(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        play = await desk.client.play("a", [{"file": media_engine.prompt(600, 0.4)}])
        await desk.event(event="played", leg="a", play=play, reason="end")
        await phone.hears(5)
        heard = sounding(phone.heard)
        assert len(heard) == 20
        assert abs(loudest(b"".join(each.payload for each in heard), PCMA) - 600) < 3
        assert {each.payload_type for each in phone.heard} == {PCMA}

    tell(media_engine, story)


def test_the_stream_is_continuous_rtp(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        await phone.hears(5)
        await desk.client.play("a", [{"file": media_engine.prompt(600, 0.2)}])
        await phone.hears(20)
        first, heard = phone.heard[0], phone.heard
        assert [each.marker for each in heard] == [True] + [False] * (len(heard) - 1)
        assert {each.ssrc for each in heard} == {first.ssrc}
        assert {len(each.payload) for each in heard} == {160}
        for number, each in enumerate(heard):
            assert each.sequence == (first.sequence + number) & 0xFFFF
            # ticks may be left out on a stalled machine: then the clock moves on with them
            assert (each.timestamp - first.timestamp) % 160 == 0
        assert max(b.at - a.at for a, b in itertools.pairwise(heard)) < 0.5

    tell(media_engine, story)


def test_a_playlist_goes_from_item_to_item(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        items: list[dict[str, Any]] = [{"tone": "beep"}, {"silence": 0.1}, {"file": media_engine.prompt(600, 0.21)}]
        play = await desk.client.play("a", items)
        await desk.event(event="played", play=play, reason="end")
        await phone.hears(3)
        heard = [round(loudest(each.payload, PCMA) / 100) for each in phone.heard]
        begin = next(number for number, each in enumerate(heard) if each)
        # 0.4 s of beep, 5 silent frames, 10.5 frames of 600 Hz
        assert heard[begin : begin + 20] == [10] * 20
        assert heard[begin + 20 : begin + 25] == [0] * 5
        assert heard[begin + 25 : begin + 35] == [6] * 10
        assert not any(heard[begin + 36 :])

    tell(media_engine, story)


def test_a_loop_goes_on_until_it_is_stopped(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        play = await desk.client.play("a", [{"file": media_engine.prompt(600, 0.1)}, {"silence": 0.04}], loop=True)
        await phone.hears(3)
        heard = [bool(loudest(each.payload, PCMA)) for each in await phone.hears(30)]
        assert 18 <= sum(heard) <= 24
        await desk.client.stop("a")
        mark = len(phone.heard)
        await desk.event(event="played", play=play, reason="stopped")
        # One frame may have been on its way, one was being made.
        assert not sounding((await phone.hears(10))[1:])
        assert len(sounding(phone.heard[mark:])) <= 2

    tell(media_engine, story)


@pytest.mark.parametrize(
    ("tone", "hertz", "on", "period"),
    [("busy", 425, 17.5, 35), ("congestion", 425, 8.75, 17.5), ("ringback", 425, 50, 250)],
)
def test_tones(media_engine: MediaEngine, tone: str, hertz: float, on: float, period: float) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        await desk.client.play("a", [{"tone": tone}])
        count = min(round(2 * period), 70)
        while not sounding(await phone.hears(1)):
            pass
        heard = await phone.hears(count)
        found = sounding(heard)
        assert abs(loudest(b"".join(each.payload for each in found[:8]), PCMA) - hertz) < 6
        expected = min(on, count) * max(1.0, count / period)
        assert abs(len(found) - expected) <= 4
        assert not [event for event in desk.events if event["event"] == "played"]

    tell(media_engine, story)


def test_a_new_play_takes_over_at_once(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        first = await desk.client.play("a", [{"tone": "ringback"}])
        await phone.hears_tone(425)
        await desk.client.play("a", [{"file": media_engine.prompt(600, 5)}])
        await desk.event(event="played", play=first, reason="stopped")
        await phone.hears_tone(600)

    tell(media_engine, story)


def test_what_cannot_be_played_is_refused_and_disturbs_nothing(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        await desk.client.play("a", [{"file": media_engine.prompt(600, 5)}])
        refused: list[dict[str, Any]] = [{"file": "nosuch.alaw"}, {"file": "../x"}, {"tone": "kazoo"}, {"silence": 0}]
        for item in refused:
            with pytest.raises(EngineError):
                await desk.client.play("a", [item], loop=True)
        with pytest.raises(EngineError, match="no leg"):
            await desk.client.play("nobody", [])
        with pytest.raises(EngineError, match="payload 9"):
            await desk.client.add_leg("g722", remote=("127.0.0.1", 9), payload=9)
        await phone.hears_tone(600)

    tell(media_engine, story)


def test_a_ulaw_leg_hears_the_same(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("u", payload_type=PCMU)
        other = await desk.phone("a")
        await phone.hears(3)
        assert not sounding(phone.heard) and phone.heard[0].payload == b"\xff" * 160
        for leg in ("u", "a"):
            await desk.client.play(leg, [{"file": media_engine.prompt(600, 5)}])
        await asyncio.gather(phone.hears_tone(600), other.hears_tone(600))
        assert {each.payload_type for each in phone.heard} == {PCMU}

    tell(media_engine, story)


def test_echo_comes_back(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phones = [await desk.phone("e", 700), await desk.phone("u", 900, PCMU)]
        for leg, phone in zip(("e", "u"), phones, strict=True):
            await desk.client.echo(leg)
            phone.send_to(phone.sdp().replace(str(phone.port).encode(), str(desk.client.address[1]).encode()))
        await asyncio.gather(phones[0].hears_tone(700), phones[1].hears_tone(900))
        await desk.client.echo("e", on=False)
        await phones[0].hears(3)
        assert not sounding(await phones[0].hears(5))

    tell(media_engine, story)


def test_fifty_legs_each_hear_their_own(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phones = [await desk.phone(f"leg{number}", payload_type=(PCMA, PCMU)[number % 2]) for number in range(50)]
        for number in range(50):
            await desk.client.play(f"leg{number}", [{"file": media_engine.prompt(400 + 40 * number, 20)}])
        for number in range(0, 50, 7):  # some leave: the last ones move into their places
            await desk.client.remove_leg(f"leg{number}")
            await desk.event(event="played", leg=f"leg{number}", reason="gone")
        stay = [number for number in range(50) if number % 7]
        heard = await asyncio.gather(*(phones[number].frequency(8) for number in stay))
        assert [round((hertz - 400) / 40) for hertz in heard] == stay
        await phones[1].hears(3)  # what was under way has come
        mark = [len(phone.heard) for phone in phones]
        await phones[1].hears(10)
        assert [len(phones[number].heard) - mark[number] for number in range(0, 50, 7)] == [0] * 8

    tell(media_engine, story)


def test_whoever_is_cancelled_at_the_moment_of_a_reply_is_cancelled(media_engine: MediaEngine) -> None:
    """A caller hangs up in the very moment in which the engine answers: nothing may be done for it any more."""

    async def story(desk: Desk) -> None:
        await desk.phone("a")
        working = asyncio.ensure_future(desk.client.stop("a"))
        await asyncio.sleep(0)  # the command is sent
        assert desk.client._link is not None
        (reply,) = desk.client._link.replies.values()
        reply.set_result({"ok": True})
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    tell(media_engine, story)
