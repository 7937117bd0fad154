"""A recorded conference room, measured in the file: who was heard, what was announced, what two SIGKILLs left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bench.local_stack import Stack
from phones import g711
from phones.scripted.desk import PINS, Desk, Tell, office
from phones.scripted.edge import CallerLeg
from phones.tone import Heard, measure

from pbx.media import recorded
from pbx.media.recorded import Recording

pytestmark = [pytest.mark.row("R13"), pytest.mark.row("R17")]

ANNA, BORIS, ANNOUNCEMENT = 600.0, 900.0, 440.0  # Hz
POLICY = {"announce": "prompt/welcome", "store": "local", "retain": "30d", "listen": []}
ROOM = {"max_members": 5, "wait_for_moderator": False}
MORE = {
    "recordings": {
        "meetings": {"match": {"direction": ["outbound"]}, "mode": "always", **POLICY},
        "wanted": {"match": {"direction": ["outbound"]}, "mode": "on_demand", **POLICY},
    },
    "conferences": {
        "kept": {"extension": "811", "record": "recording/meetings", **ROOM},
        "asked": {"extension": "812", "record": "recording/wanted", "moderator_pin": {"secret": "chair"}, **ROOM},
    },
}


@pytest.fixture(scope="module")
def local_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str]]:
    with office(tmp_path_factory.mktemp("office") / "stack", more=MORE) as made:
        yield made


async def hears(d: Desk, device: str, hz: float, seconds: float, within: float = 8.0) -> None:
    await asyncio.to_thread(d.voices[device].track.wait_tone, hz, seconds, within, time.monotonic())


async def comes(d: Desk, user: str, extension: str, typed: str = "") -> CallerLeg:
    leg = d.call(user, extension)
    await d.up(leg)
    for key in typed:
        leg.digit(key)
    return leg


async def finished(d: Desk, before: set[str]) -> tuple[Recording, Heard]:
    """The recording that has come since, and what is in it."""

    def new() -> list[Path]:
        spool = d.stack.folder / "rooms/1"
        return [one for one in recorded.whole(spool) if one.name not in before] if spool.exists() else []

    await d.until(lambda: bool(new()), "a recording is finished")
    (folder,) = new()
    raw = np.frombuffer((folder / recorded.SOUND).read_bytes(), np.uint8)
    size = int.from_bytes(raw[54:58].tobytes(), "little")
    assert raw[20:24].tobytes() == b"\x06\x00\x01\x00" and size == len(raw) - 58 - size % 2, "A-law, one channel"
    about = recorded.read(folder)
    assert abs(about.length - size / 8000) < 0.01
    return about, measure(g711.decode(raw[58 : 58 + size].tobytes(), g711.PCMA))


def there(d: Desk) -> set[str]:
    return {one.name for one in (d.stack.folder / "rooms/1").glob("*")}


def test_from_the_first_to_the_last_and_all_are_told(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        before = there(d)
        for device, hz in (("anna-desk", ANNA), ("boris-desk", 0.0)):
            d.voice(device, hz)
        anna = await comes(d, "anna", "811")
        await hears(d, "anna-desk", ANNOUNCEMENT, 0.3)
        boris = await comes(d, "boris", "811")
        await hears(d, "boris-desk", ANNOUNCEMENT, 0.3)
        await hears(d, "boris-desk", ANNA, 0.6)
        d.voices["anna-desk"].hz, d.voices["boris-desk"].hz = 0.0, BORIS
        await hears(d, "anna-desk", BORIS, 0.6)
        anna.bye()
        boris.bye()
        about, sound = await finished(d, before)
        assert sound.tone(ANNA) > 0.5 and sound.tone(BORIS) > 0.5 and sound.tone(ANNOUNCEMENT) < 0.1
        assert (about.called, about.policy, about.announced, about.retain) == ("811", "meetings", True, 30 * 86400.0)
        assert about.people == ("anna", "boris") and about.gaps == ()
        await d.records(2)

    tell(story)


@pytest.mark.row("R33")
def test_a_moderator_wants_it_and_two_kills_leave_a_gap_each(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        before = there(d)
        for device, hz in (("anna-desk", ANNA), ("boris-desk", 0.0)):
            d.voice(device, hz)
        anna = await comes(d, "anna", "812", f"{PINS['chair']}#")
        boris = await comes(d, "boris", "812", "1#")
        await hears(d, "boris-desk", ANNA, 0.4)
        assert there(d) == before, "nobody wants it yet"
        d.voices["anna-desk"].hz = 0.0
        anna.digit("*")
        anna.digit("7")
        await hears(d, "boris-desk", ANNOUNCEMENT, 0.3)
        d.voices["anna-desk"].hz = ANNA
        await hears(d, "boris-desk", ANNA, 0.6)
        await d.kill_calls()
        await hears(d, "boris-desk", ANNA, 1.5)
        engine = d.stack.processes["media"]
        engine.kill()
        await asyncio.to_thread(engine.wait)
        await asyncio.sleep(1.2)  # longer than what is made up for without a word
        d.stack.start("media")
        await hears(d, "boris-desk", ANNA, 1.5)
        anna.digit("*")
        anna.digit("7")
        about, sound = await finished(d, before)
        assert {gap.why for gap in about.gaps} <= {"lost"} and 1 <= len(about.gaps) <= 2
        assert sound.tone(ANNA) > 2.5 and set(about.people) == {"anna", "boris"}
        lasted = time.time() - about.started.timestamp()
        assert lasted - 3.0 < about.length <= lasted, "the clock is right"
        anna.bye()
        boris.bye()
        await d.records(2)

    tell(story)
