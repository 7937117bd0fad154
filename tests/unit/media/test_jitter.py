"""The jitter buffer on virtual time: what is heard through a network that is late, lossy and at another clock.

`error` is how much of each 20 ms is not the tone that was sent, in dB: -39 is G.711 itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from unit.media.media_line import Buffer, Line, error, level
from unit.media.media_table import PCMU, Table, silent, tone

from pbx.media import rtp

pytestmark = pytest.mark.row("R21")

CLEAN = -38.0
SLIPPED = -19.0
"""dB: a frame of 440 Hz of which a sample was added or taken: its pitch is 0.6 % another for 20 ms."""


def network(least: float, most: float, loss: float = 0.0, seed: int = 1) -> Callable[[int], float | None]:
    """Each packet is under way for a time of its own, or lost."""
    random = np.random.default_rng(seed)
    return lambda n: None if random.random() < loss else float(least + (most - least) * random.random())


def test_a_quiet_network_changes_nothing() -> None:
    line = Line()
    buffer = Buffer(line)
    buffer.run(10)
    assert error(line.wave(1), 440).max() < CLEAN
    assert buffer.waits() <= 0.03 and buffer.ring.concealed == 0


@pytest.mark.parametrize("length", [80, 160, 240, 320, 480])
def test_packets_of_10_to_60_ms(length: int) -> None:
    line = Line(length=length, law=rtp.PCMU)
    buffer = Buffer(line)
    buffer.run(5)
    assert error(line.wave(1), 440).max() < CLEAN
    assert buffer.ring.concealed == 0


def test_jitter_of_80_ms_is_waited_for_and_no_longer_than_it_lasts() -> None:
    line = Line(delay=lambda n: (network_of_old if n < 500 else quiet)(n))
    network_of_old, quiet = network(0.005, 0.085), network(0.005, 0.005)
    buffer = Buffer(line)
    buffer.run(10)
    assert buffer.waits() > 0.08
    assert error(line.wave(3), 440)[: 6 * 50].max() < SLIPPED
    before = buffer.ring.concealed
    buffer.run(60)
    assert buffer.waits() <= 0.04 and buffer.ring.concealed == before
    assert error(line.wave(12), 440).max() < SLIPPED


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_clock_that_is_wrong_is_followed_without_a_gap(ppm: float) -> None:
    """Five minutes, in which a buffer that did nothing would be 60 ms off."""
    line = Line(ppm=ppm)
    buffer = Buffer(line)
    buffer.run(300)
    assert buffer.ring.concealed == 0
    errors = error(line.wave(1), 440)
    assert errors.max() < SLIPPED and np.mean(errors > CLEAN) < 0.04
    assert buffer.waits() <= 0.05
    loud = level(line.wave(1))
    assert loud.min() > 5500 and loud.max() < 5800


@pytest.mark.parametrize(("loss", "bad"), [(0.01, 0.002), (0.05, 0.01), (0.2, 0.1)])
def test_what_is_lost_is_concealed(loss: float, bad: float) -> None:
    """`bad` is the share of frames of which a tenth of the energy, or more, is not the tone."""
    line = Line(delay=network(0.005, 0.005, loss))
    buffer = Buffer(line)
    buffer.run(40)
    errors = error(line.wave(1), 440)
    assert np.mean(errors > -10) <= bad
    assert 0.8 * loss * 2000 < buffer.ring.concealed < 1.2 * loss * 2000
    assert np.mean(level(line.wave(1)) < 2000) <= bad


def test_a_long_gap_fades_into_silence_and_comes_back() -> None:
    line = Line(sends=lambda n: not 100 <= n < 150)
    buffer = Buffer(line)
    buffer.run(6)
    loud = level(line.wave())
    gap = np.flatnonzero(loud < 50)
    gap = gap[gap > 50]
    assert 46 <= len(gap) <= 48 and np.all(np.diff(gap) == 1)  # 1 s less 60 ms of fading
    assert np.all(np.diff(loud[gap[0] - 4 : gap[0] + 1]) < 0)
    assert error(line.wave(3.2), 440).max() < CLEAN


def test_who_is_late_once_costs_one_frame_and_who_stays_late_is_waited_for() -> None:
    once = Line(delay=lambda n: 0.2 if n == 250 else 0.005)
    stays = Line(delay=lambda n: 0.005 if n < 250 else 0.105)
    buffer = Buffer(once, stays)
    buffer.run(12)
    assert buffer.waits(0) <= 0.03 and buffer.waits(1) > 0.1
    assert np.sum(error(once.wave(1), 440) > SLIPPED) == 0
    assert np.sum(error(stays.wave(1), 440) > -10) <= 6


def test_packets_that_overtake_each_other_or_come_twice() -> None:
    line = Line(delay=lambda n: 0.03 if n % 3 == 0 else 0.005)
    buffer = Buffer(line)
    twice = line.arrivals
    line.arrivals = lambda now: [each for number in twice(now) for each in (number, number)]  # type: ignore[method-assign]
    buffer.run(10)
    errors = error(line.wave(3), 440)
    assert np.sum(errors > SLIPPED) <= 2  # a packet that was made shorter, and then came as it is
    assert errors.max() < -10


@pytest.mark.parametrize("law", [rtp.PCMA, rtp.PCMU])
def test_comfort_noise(law: int) -> None:
    """RFC 3389: a packet says how silence sounds; it sounds so until sound comes again."""
    line = Line(law=law, sends=lambda n: not 100 <= n < 200)
    buffer = Buffer(line)
    while line.number < 100:
        buffer.step()
    buffer.ring.noise(np.array([0]), np.array([100 * 160 + 12345], np.uint32), np.array([50], np.uint8))
    buffer.run(1.5)
    loud = level(line.wave())[-50:]
    expected = 32768 / np.sqrt(2) * 10 ** (-50 / 20)
    assert abs(loud.mean() - expected) < 0.1 * expected
    buffer.run(1.5)
    assert error(line.wave()[-7200:], 440).max() < CLEAN


def test_a_jump_of_the_senders_clock_is_followed() -> None:
    line = Line()
    buffer = Buffer(line)
    buffer.run(3)
    payload = line.payload
    line.number += 100_000  # timestamps far ahead, and no packet between
    line.under_way.clear()
    shift = line.number * 0.02 - buffer.tick * 0.02
    arrivals = line.arrivals
    line.arrivals = lambda now: arrivals(now + shift)  # type: ignore[method-assign]
    line.payload = payload  # type: ignore[method-assign]
    buffer.run(3)
    assert error(line.wave()[-8000:], 440).max() < SLIPPED


def test_nothing_that_a_peer_sends_stops_the_engine(tmp_path: Path) -> None:
    """Any bytes behind any header, from an address that is a leg's: the others in the room go on."""
    table = Table(tmp_path)
    random = np.random.default_rng(5)
    try:
        talker, listener = table.peer("a", tone(700, 3000.0)), table.peer("b", silent, PCMU)
        rogue = table.peer("c")
        for name in "abc":
            table.engine.room(name, {"room": "x"})
        table.engine.echo("c", True)
        for _ in range(400):
            talker.send()
            listener.send()
            for _ in range(int(random.integers(0, 4))):
                head = bytearray(rogue.packet()[:12])
                for place in random.integers(0, 12, int(random.integers(0, 5))):
                    head[place] = int(random.integers(0, 256))
                if random.random() < 0.7:
                    head[0] = 0x80 | head[0] & 0x3F
                    head[1] = int(random.choice([8, 0, 13, 101]))
                rogue.send(bytes(head) + random.bytes(int(random.integers(0, 600))))
            table.tick()
        table.engine.room("c", None)
        table.run(30)
        assert listener.level(700) > 2600  # no louder than a voice, or gain would turn it down
    finally:
        table.close()
