"""Several engines of a call process: legs go where there are few, rooms are at one, one that stays away is left."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.media.conftest import MediaEngine, RtpEngine, free_port_pair
from unit.media.media_phone import Phone

from pbx.calls.leg import Audio
from pbx.calls.live.media import CallMedia
from pbx.media import engines as several
from pbx.media.engines import Engines, sockets_beside
from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession

pytestmark = pytest.mark.row("R13")
TONES = (400.0, 700.0, 1000.0, 1300.0)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[MediaEngine]]:
    made = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(MediaEngine(folder, free_port_pair()))
        made[-1].start()
    yield made
    for engine in made:
        engine.stop()


class Calls:
    """Callers, each in a call of its own that hears an engine."""

    def __init__(self, engines: Engines, relay: NgClient) -> None:
        self.engines = engines
        self.relay = relay
        self.media: dict[str, CallMedia] = {}
        self.phones: list[Phone] = []
        self.events: list[dict[str, Any]] = []
        self._rescues: set[asyncio.Task[None]] = set()
        engines.on_event = self._event

    def _event(self, event: dict[str, Any]) -> None:
        """As `Exchange` does."""
        self.events.append(event)
        session, _, tag = str(event.get("leg", "")).rpartition("/")
        if event["event"] == "lost":
            self._rescues.add(asyncio.ensure_future(self.media[session].rescue(tag)))
        elif event["event"] == "played":
            self.media[session].played(event["play"], event["reason"])

    async def call(self, tone: float) -> tuple[CallMedia, Phone]:
        phone = await Phone(tone).open()
        session = f"test-{secrets.token_hex(6)}"
        media = CallMedia(RelaySession(self.relay, session), self.engines, phone.sdp())
        self.media[session] = media
        self.phones.append(phone)
        phone.send_to(await media.to_engine("A"))
        return media, phone

    @property
    def legs(self) -> list[int]:
        return [client.legs for client in self.engines.clients]

    async def close(self) -> None:
        for media in self.media.values():
            await media.close()
        await self.engines.close()
        for phone in self.phones:
            phone.close()


def tell(two: list[MediaEngine], rtpengine: RtpEngine, story: Callable[[Calls], Awaitable[None]]) -> None:
    async def run() -> None:
        relay = NgClient()
        await relay.connect("127.0.0.1", rtpengine.ng_port)
        engines = Engines(f"test-{secrets.token_hex(4)}", lambda: [engine.socket for engine in two])
        await engines.connect()
        calls = Calls(engines, relay)
        try:
            await story(calls)
        finally:
            await calls.close()
            relay.close()

    asyncio.run(run())


def test_legs_go_where_there_are_few(two: list[MediaEngine], media_rtpengine: RtpEngine) -> None:
    async def story(calls: Calls) -> None:
        found = [await calls.call(tone) for tone in TONES]
        assert calls.legs == [2, 2]
        for media, phone in found:
            playing = asyncio.ensure_future(media.play("A", [_tone()]))
            await phone.hears_tone(425)
            playing.cancel()
        for media, _ in found[::2]:
            await media.leave_engine("A")
        for _ in range(2):
            await calls.call(500)
        assert calls.legs == [2, 2]

    tell(two, media_rtpengine, story)


def test_who_is_in_a_room_is_at_one_engine(two: list[MediaEngine], media_rtpengine: RtpEngine) -> None:
    async def story(calls: Calls) -> None:
        found = [await calls.call(tone) for tone in TONES[:2]]
        assert calls.legs == [1, 1]
        for media, phone in found:
            peer = phone.peer
            await media.enter_room("A", "x")
            assert phone.peer == peer
        assert sorted(calls.legs) == [0, 2]
        await asyncio.gather(found[0][1].hears_tone(700), found[1][1].hears_tone(400))
        other, _ = await calls.call(1000)
        await other.enter_room("A", "y")  # of its own
        at = calls.engines.meeting("x")
        assert at.legs in (2, 3) and calls.engines.meeting("x") is at

    tell(two, media_rtpengine, story)


async def _knowing(name: str, sockets: list[str]) -> Engines:
    engines = Engines(name, lambda: sockets)
    await engines._look(0.0)
    await engines.close()
    return engines


def test_any_process_looks_for_a_room_at_the_same_engine() -> None:
    sockets = [f"/nowhere/{number}" for number in range(3)]
    one, other = asyncio.run(_knowing("calls1.1", sockets)), asyncio.run(_knowing("calls1.2", sockets))
    found = [
        (one.clients.index(one.meeting(f"room {number}")), other.clients.index(other.meeting(f"room {number}")))
        for number in range(60)
    ]
    assert all(mine == theirs for mine, theirs in found)
    assert {mine for mine, _ in found} == {0, 1, 2}


def test_the_legs_of_an_engine_that_stays_away_go_on_at_another(
    two: list[MediaEngine], media_rtpengine: RtpEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several, "AWAY", 0.3)

    async def story(calls: Calls) -> None:
        found = [await calls.call(tone) for tone in TONES[:2]]
        for media, _ in found:
            await media.enter_room("A", "x")
        hearing, phone = await calls.call(1000)
        playing = asyncio.ensure_future(hearing.play("A", [_tone()]))
        await phone.hears_tone(425)
        at = calls.engines.clients.index(calls.engines.meeting("x"))
        two[at].kill()
        await asyncio.gather(found[0][1].hears_tone(700, 5), found[1][1].hears_tone(400, 5), phone.hears_tone(425, 5))
        assert calls.engines.clients.index(calls.engines.meeting("x")) == 1 - at
        await calls.call(1300)
        assert calls.legs[at] == 0
        assert not playing.done()
        two[at].start()
        async with asyncio.timeout(5):
            while calls.engines.clients[at] in calls.engines._away:  # noqa: ASYNC110 (asked for once a second)
                await asyncio.sleep(0.05)
        await calls.call(500)
        assert calls.legs[at] == 1
        playing.cancel()

    tell(two, media_rtpengine, story)


def test_when_all_were_away_the_first_that_is_back_has_the_legs(
    two: list[MediaEngine], media_rtpengine: RtpEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several, "AWAY", 0.2)

    async def story(calls: Calls) -> None:
        media, phone = await calls.call(400)
        playing = asyncio.ensure_future(media.play("A", [_tone()]))
        await phone.hears_tone(425)
        first = calls.engines.clients.index(calls.engines.of(media.engine_leg("A")))
        for engine in two:
            engine.kill()
        async with asyncio.timeout(5):
            while len(calls.engines._away) < 2:  # noqa: ASYNC110 (a timer of the engines)
                await asyncio.sleep(0.05)
        two[1 - first].start()
        await phone.hears_tone(425, 5)
        assert calls.legs[1 - first] == 1
        playing.cancel()

    tell(two, media_rtpengine, story)


def test_an_engine_that_is_back_soon_gets_its_legs_back(two: list[MediaEngine], media_rtpengine: RtpEngine) -> None:
    async def story(calls: Calls) -> None:
        found = [await calls.call(tone) for tone in TONES[:2]]
        for media, _ in found:
            await media.enter_room("A", "x")
        at = calls.engines.clients.index(calls.engines.meeting("x"))
        two[at].kill()
        two[at].start()
        await asyncio.gather(found[0][1].hears_tone(700, 5), found[1][1].hears_tone(400, 5))
        assert calls.engines.clients.index(calls.engines.meeting("x")) == at
        assert not [event for event in calls.events if event["event"] == "lost"]

    tell(two, media_rtpengine, story)


def test_an_engine_that_is_added_is_found(two: list[MediaEngine], media_rtpengine: RtpEngine) -> None:
    second = two.pop()

    async def story(calls: Calls) -> None:
        await calls.call(400)
        assert calls.legs == [1]
        two.append(second)
        async with asyncio.timeout(5):
            while len(calls.engines._there()) < 2:  # noqa: ASYNC110 (looked for once a second)
                await asyncio.sleep(0.05)
        await calls.call(700)
        assert calls.legs == [1, 1]

    tell(two, media_rtpengine, story)


def test_the_sockets_of_a_host_are_beside_each_other(tmp_path: Path) -> None:
    for name in ("control-2.sock", "control-3.sock", "other.sock"):
        (tmp_path / name).touch()
    assert sockets_beside(str(tmp_path / "control.sock")) == [
        str(tmp_path / name) for name in ("control.sock", "control-2.sock", "control-3.sock")
    ]


def _tone() -> Audio:
    return Audio(tone="ringback")
