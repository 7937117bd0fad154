"""What a leg says, as it is kept: whole, in order, with what was lost filled, also over the death of the engine."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import pytest
from unit.media.conftest import MediaEngine
from unit.media.media_desk import Desk, tell
from unit.media.media_phone import PCMA, PCMU, loudest

from pbx.media import g711, rtp
from pbx.media.legs import Legs
from pbx.media.recorder import MOST_FILLED, PIECE, WAIT, Recorder

PIECES = PIECE // rtp.SAMPLES
SILENCE = bytes([g711.ALAW_SILENCE]) * rtp.SAMPLES


class Table:
    """A recorder at which the test is the network and the clock."""

    def __init__(self) -> None:
        self.legs = Legs(8)
        self.told: list[tuple[str, bytes, bool]] = []
        self.recorder = Recorder(self.legs, lambda slot, name, sound, last: self.told.append((name, sound, last)))
        self.now = 0

    def leg(self, name: str, payload: int = PCMA) -> None:
        slot = self.legs.add(name, "test")
        self.legs.aim(slot, ("127.0.0.1", 4000 + 2 * slot), payload, None)

    def hears(self, leg: str, *frames: tuple[int, bytes]) -> None:
        """Packets (timestamp in frames, payload), in this order, within one tick."""
        for number, payload in frames:
            slots = np.array([self.legs.slots[leg]], np.intp)
            stamp = np.array([(number * rtp.SAMPLES + 2**32 - 800) & 0xFFFFFFFF], np.uint32)
            self.recorder.put(slots, stamp, np.frombuffer(payload, np.uint8)[None, :])

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.now += 1
            self.recorder.tick(self.now)

    def sound(self, name: str = "r") -> list[bytes]:
        """All that was told, as frames."""
        whole = b"".join(sound for of, sound, _ in self.told if of == name)
        return [whole[at : at + rtp.SAMPLES] for at in range(0, len(whole), rtp.SAMPLES)]


def frame(code: int) -> bytes:
    return bytes([code]) * rtp.SAMPLES


def spoken(numbers: Sequence[int]) -> list[bytes]:
    return [frame(number + 1) for number in numbers]


def test_what_was_said_comes_in_pieces_and_to_its_end() -> None:
    table = Table()
    table.leg("a")
    table.recorder.begin(0, "r")
    for number in range(40):
        table.hears("a", (number, frame(number + 1)))
        table.ticks(1)
    assert [(len(sound), last) for _, sound, last in table.told] == [(PIECE, False)]
    table.recorder.end(0)
    assert table.told[-1][2]
    assert table.sound() == spoken(range(40))
    assert table.recorder.name(0) == ""


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (3, 2, 1, 0), (0, 1, 1, 2, 3, 3)])
def test_packets_out_of_order_and_twice_find_their_place(order: tuple[int, ...]) -> None:
    table = Table()
    table.leg("a")
    table.recorder.begin(0, "r")
    table.hears("a", (0, frame(1)))
    table.hears("a", *((number, frame(number + 1)) for number in order))
    table.ticks(4)
    table.recorder.end(0)
    assert table.sound() == spoken(range(4))


@pytest.mark.parametrize("lost", [1, 2, MOST_FILLED, MOST_FILLED + 1])
def test_a_short_gap_goes_on_softer_and_a_long_one_is_silence(lost: int) -> None:
    table = Table()
    table.leg("a")
    table.recorder.begin(0, "r")
    loud = g711.to_alaw(np.full(rtp.SAMPLES, 16000, np.int16)).tobytes()
    for number in range(20):
        if not 5 <= number < 5 + lost:
            table.hears("a", (number, loud))
        table.ticks(1)
    table.recorder.end(0)
    levels = [int(np.abs(g711.ALAW_TO_PCM[np.frombuffer(one, np.uint8)]).max()) for one in table.sound()]
    gap = levels[5 : 5 + lost]
    if lost > MOST_FILLED:
        assert set(gap) == {8}, "the smallest value of A-law"
    else:
        assert all(0.4 * before < after < 0.6 * before for before, after in zip([levels[4], *gap], gap, strict=False))
    assert {level for at, level in enumerate(levels) if not 5 <= at < 5 + lost} == {levels[0]}


def test_a_gap_at_the_edge_of_a_piece_goes_on_from_the_piece_before() -> None:
    table = Table()
    table.leg("a")
    table.recorder.begin(0, "r")
    for number in range(2 * PIECES):
        if number != PIECES:
            table.hears("a", (number, frame(0x2A)))
        table.ticks(1)
    table.ticks(WAIT // rtp.SAMPLES)
    table.recorder.end(0)
    assert table.sound()[PIECES] not in (SILENCE, frame(0x2A))


def test_who_is_silent_is_recorded_as_silence_and_no_time_is_lost() -> None:
    table = Table()
    table.leg("a")
    table.recorder.begin(0, "r")
    table.ticks(70)
    table.hears("a", (0, frame(1)))
    table.ticks(40)
    table.recorder.end(0)
    sound = table.sound()
    assert sound[:71] == [SILENCE] * 70 + spoken([0])
    assert len(sound) == 110 and sound[-5:] == [SILENCE] * 5


def test_ulaw_becomes_alaw() -> None:
    table = Table()
    table.leg("a", PCMU)
    table.recorder.begin(0, "r")
    table.hears("a", (0, frame(0x10)))
    table.ticks(1)
    table.recorder.end(0)
    assert table.sound() == [frame(int(g711.ULAW_TO_ALAW[0x10]))]


def test_a_clock_that_jumps_is_followed() -> None:
    table = Table()
    table.leg("a")
    table.recorder.begin(0, "r")
    for number in range(60):
        table.hears("a", (number + (90_000 if number > 20 else 0), frame(number + 1)))
        table.ticks(1)
    table.recorder.end(0)
    sound = table.sound()
    assert len(sound) == 60
    assert sound[:21] == spoken(range(21))
    assert sound[24:] == spoken(range(24, 60))


def test_legs_that_move_keep_their_recordings() -> None:
    table = Table()
    for number, name in enumerate("abc"):
        table.leg(name)
        table.recorder.begin(number, f"of {name}")
    for number in range(30):
        for code, name in enumerate("abc"):
            table.hears(name, (number, frame(10 * code + 1)))
        table.ticks(1)
        if number == 10:
            table.recorder.end(0)
            table.legs.remove("a")  # the last one moves into its place
            table.leg("d")
            table.recorder.begin(table.legs.slots["d"], "of d")
            break
    for number in range(11, 30):
        for code, name in enumerate("bcd"):
            table.hears(name, (number, frame(10 * code + 11)))
        table.ticks(1)
    for name in "bcd":
        table.recorder.end(table.legs.slots[name])
    assert set(table.sound("of a")) == {frame(1)}
    assert set(table.sound("of b")) == {frame(11)} and len(table.sound("of b")) == 30
    assert set(table.sound("of c")) == {frame(21)} and len(table.sound("of c")) == 30
    assert set(table.sound("of d")) == {frame(31)} and len(table.sound("of d")) == 19


# --- a real engine ----------------------------------------------------------------------------------------------------


def _told(desk: Desk, name: str) -> bytes:
    return b"".join(base64.b64decode(one["data"]) for one in desk.events if one.get("record") == name)


def test_a_phone_is_recorded_from_first_to_last(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a", tone=700)
        phone.send_to(phone.sdp().replace(str(phone.port).encode(), str(desk.client.address[1]).encode()))
        await phone.sends(10)
        name = await desk.client.record("a")
        await phone.sends(75)
        assert await desk.client.stop_recording("a")
        assert [one["last"] for one in desk.events if one.get("record") == name][-1]
        sound = _told(desk, name)
        assert abs(len(sound) / rtp.SAMPLES - 75) < 25
        assert abs(loudest(sound[-8000:], PCMA) - 700) < 5
        assert not await desk.client.stop_recording("a"), "it has ended"

    tell(media_engine, story)


@pytest.mark.row("R12")
def test_a_killed_engine_goes_on_recording(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a", tone=700)
        phone.send_to(phone.sdp().replace(str(phone.port).encode(), str(desk.client.address[1]).encode()))
        name = await desk.client.record("a")
        await desk.event(event="sound", record=name)
        own_engine.kill()
        await desk.event(event="gone")
        own_engine.start()
        before = len(_told(desk, name))
        await desk.event(event="back")
        phone.tone = 1100
        await phone.sends(60)
        assert await desk.client.stop_recording("a")
        assert abs(loudest(_told(desk, name)[:before], PCMA) - 700) < 5
        assert abs(loudest(_told(desk, name)[-4000:], PCMA) - 1100) < 5

    tell(own_engine, story)
