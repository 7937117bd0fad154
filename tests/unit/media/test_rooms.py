"""Rooms of the engine: who hears whom, measured in the sound that each member is sent."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from unit.media.conftest import MediaEngine
from unit.media.media_desk import Desk, tell
from unit.media.media_table import PCMA, PCMU, Peer, Table, silent, tone

from pbx.media import g711
from pbx.media.engine_client import EngineError

TONES = {"a": 400.0, "b": 700.0, "c": 1000.0, "d": 1300.0, "e": 1600.0}
LOUD, QUIET = 7000.0, 60.0
"""Peak of a tone that is heard (sent at 8000), and of one that is not: G.711 leaves some of 30."""


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    made.close()


def room(table: Table, name: str, members: str, **how: object) -> None:
    for each in members:
        if each not in table.peers:
            table.peer(each, tone(TONES[each]))
        table.engine.room(each, {"room": name, **how})


def hears(peer: Peer) -> str:
    """Whose tones a peer hears now."""
    heard = ""
    for name, hertz in TONES.items():
        level = peer.level(hertz)
        assert level > LOUD or level < QUIET, (peer.name, name, level)
        heard += name if level > LOUD else ""
    return heard


def who_hears(table: Table) -> dict[str, str]:
    table.run(30)
    return {name: hears(peer) for name, peer in table.peers.items()}


def test_each_hears_the_others_and_not_itself(table: Table) -> None:
    room(table, "x", "abc")
    assert who_hears(table) == {"a": "bc", "b": "ac", "c": "ab"}


def test_rooms_of_any_size_are_apart(table: Table) -> None:
    room(table, "x", "ab")
    room(table, "y", "cd")
    room(table, "z", "e")
    assert who_hears(table) == {"a": "b", "b": "a", "c": "d", "d": "c", "e": ""}
    room(table, "y", "ae")
    assert who_hears(table) == {"a": "cde", "b": "", "c": "ade", "d": "ace", "e": "acd"}


def test_laws_are_mixed(table: Table) -> None:
    table.peer("a", tone(TONES["a"]), PCMU)
    table.peer("b", tone(TONES["b"]), PCMA)
    table.peer("c", tone(TONES["c"]), PCMU)
    room(table, "x", "abc")
    assert who_hears(table) == {"a": "bc", "b": "ac", "c": "ab"}


def test_muted_deaf_and_paging(table: Table) -> None:
    room(table, "x", "abc")
    room(table, "x", "a", muted=True)
    assert who_hears(table) == {"a": "bc", "b": "c", "c": "b"}
    room(table, "x", "a")
    room(table, "x", "b", deaf=True)
    assert who_hears(table) == {"a": "bc", "b": "", "c": "ab"}
    room(table, "x", "a", deaf=True)  # a paging room: one is heard, and hears nobody
    room(table, "x", "bc", muted=True)
    assert who_hears(table) == {"a": "", "b": "a", "c": "a"}


def test_a_whisper_is_heard_by_one(table: Table) -> None:
    room(table, "x", "ab")
    room(table, "x", "c", to="a")
    assert who_hears(table) == {"a": "bc", "b": "a", "c": "ab"}
    room(table, "x", "c", to="gone")
    assert who_hears(table) == {"a": "b", "b": "a", "c": "ab"}
    room(table, "x", "c", muted=True)  # listening alone
    assert who_hears(table) == {"a": "b", "b": "a", "c": "ab"}


def test_who_goes_is_not_heard_and_the_others_are(table: Table) -> None:
    room(table, "x", "abcde")
    table.run(20)
    table.leave("b")  # the last leg moves into its slot
    assert who_hears(table) == {"a": "cde", "c": "ade", "d": "ace", "e": "acd"}
    table.engine.room("d", None)
    assert who_hears(table) == {"a": "ce", "c": "ae", "d": "", "e": "ac"}
    assert table.engine.status()["in_rooms"] == 3


def test_what_a_member_is_played_sounds_over_the_room(table: Table, tmp_path: Path) -> None:
    wave = 8000 * np.sin(2 * np.pi * TONES["e"] / 8000 * np.arange(8000))
    (tmp_path / "e.alaw").write_bytes(g711.to_alaw(wave.astype(np.int16)).tobytes())
    room(table, "x", "abc")
    room(table, "x", "c", deaf=True)
    table.run(10)
    for name in "ac":
        table.engine.play(name, name, [{"file": "e.alaw"}], False, 0.0)
    assert who_hears(table) == {"a": "bce", "b": "ac", "c": "e"}


def test_the_sum_is_cut_not_wrapped(table: Table) -> None:
    for name in "abcd":
        table.peer(name, tone(400, 20_000.0))
    room(table, "x", "abcd")
    table.run(30)
    heard = table.peers["a"].heard(10)
    assert heard.max() > 31_000 and heard.min() < -31_000
    assert table.peers["a"].level(400) > 33_000  # a tone cut at 32,767: its first harmonic is above that


def test_who_speaks_is_told(table: Table) -> None:
    room(table, "x", "ab")
    table.peers["b"].source = silent
    table.run(10)
    speaks = [each for each in table.events if each["event"] == "speaks"]
    assert speaks == [{"event": "speaks", "leg": "a", "on": True}]
    table.peers["a"].source = silent
    table.run(20)
    assert len(speaks) == 1, "a pause between words is no end"
    table.run(20)
    assert table.events[-1] == {"event": "speaks", "leg": "a", "on": False}
    table.peers["a"].source = tone(400)
    table.run(10)
    room(table, "x", "a", muted=True)
    assert [each["on"] for each in table.events] == [True, False, True, False]


def test_sixty_rooms_of_three(tmp_path: Path) -> None:
    table = Table(tmp_path, capacity=180)
    try:
        for number in range(60):
            for name, hertz in (("a", 500.0), ("b", 900.0), ("c", 1300.0)):
                table.peer(f"{number}{name}", tone(hertz))
                table.engine.room(f"{number}{name}", {"room": str(number)})
        table.run(20)
        for number in (0, 31, 59):
            levels = [table.peers[f"{number}a"].level(hertz, 10) for hertz in (500, 900, 1300)]
            assert levels[0] < QUIET < LOUD < min(levels[1:]), levels
    finally:
        table.close()


# --- over the control socket ------------------------------------------------------------------------------------------


def test_a_killed_engine_has_its_rooms_again(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phones = [await desk.phone(name, hertz) for name, hertz in (("a", 500), ("b", 900))]
        for name, phone in zip("ab", phones, strict=True):
            phone.talk()
            await desk.client.enter_room(name, "x")
        await asyncio.gather(phones[0].hears_tone(900), phones[1].hears_tone(500))
        await desk.event(event="speaks", leg="a", on=True)

        own_engine.kill()
        await desk.event(event="gone")
        own_engine.start()
        await desk.event(event="back")
        await asyncio.gather(phones[0].hears_tone(900), phones[1].hears_tone(500))
        await desk.client.leave_room("b")
        await phones[0].hears_tone(0)
        await desk.client.leave_room("b")
        with pytest.raises(EngineError):
            await desk.client.enter_room("nobody", "x")

    tell(own_engine, story)


def test_the_mix_of_a_room_is_told_whoever_talks(table: Table) -> None:
    room(table, "x", "ab")
    room(table, "y", "c")
    table.run(30)
    table.engine.tap("calls", "x", "one")
    table.run(50)
    table.engine.room("b", {"room": "x", "muted": True})
    table.run(50)
    for each in "ab":
        table.engine.room(each, None)
    table.run(25)
    table.engine.tap("calls", "x", "one")  # said again
    table.engine.tap("calls", "x", None)
    told = [event for event in table.events if event["event"] == "sound"]
    assert {(event["room"], event["record"]) for event in told} == {("x", "one")}
    assert [event["last"] for event in told] == [False] * (len(told) - 1) + [True]
    sound = np.frombuffer(b"".join(base64.b64decode(event["data"]) for event in told), np.uint8)
    assert len(sound) == 125 * 160, "as long as it took"
    pcm = g711.ALAW_TO_PCM[sound]
    assert tones_in(pcm[800:7200]) == "ab" and tones_in(pcm[9600:15200]) == "a" and tones_in(pcm[16800:]) == ""


def tones_in(pcm: np.ndarray) -> str:
    at = np.arange(len(pcm)) / 8000
    levels = {name: 2 * abs(np.mean(pcm * np.exp(-2j * np.pi * hertz * at))) for name, hertz in TONES.items()}
    return "".join(name for name, level in levels.items() if level > LOUD)
