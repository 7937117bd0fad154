"""Gain in rooms: who is far too soft or loud is brought nearer, slowly and within bounds; noise is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from unit.media.media_table import Table, silent, tone

from pbx.media.gain import KNOWN_AFTER, LOUDEST, MOST, SOFTEST, STEP, Gain
from pbx.media.legs import Legs

pytestmark = pytest.mark.row("R13")


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    made.close()


def decibels(mean: float, looks: int, *, is_voice: bool = True) -> float:
    legs = Legs(1)
    slot = legs.add("a", "test")
    gain = Gain(legs)
    for _ in range(looks):
        gain.look(np.array([slot]), np.array([mean]), np.array([is_voice]))
    return float(gain.decibels[slot])


@pytest.mark.parametrize("mean", [SOFTEST, 1100.0, LOUDEST])
def test_usual_voices_are_left_alone(mean: float) -> None:
    assert abs(decibels(mean, 2000)) < 0.01


@pytest.mark.parametrize(("mean", "wanted"), [(225.0, 6.0), (160.0, 9.0), (5600.0, -6.0), (20000.0, -9.0)])
def test_far_too_soft_or_loud_comes_nearer_and_no_further_than_the_bound(mean: float, wanted: float) -> None:
    assert decibels(mean, 2000) == pytest.approx(max(-MOST, min(MOST, wanted)), abs=0.1)


def test_it_takes_its_time() -> None:
    assert decibels(160.0, KNOWN_AFTER) == 0
    assert decibels(160.0, KNOWN_AFTER + 10) == pytest.approx(10 * STEP)


def test_what_is_no_voice_is_not_pulled_up() -> None:
    assert decibels(100.0, 2000, is_voice=False) == 0


def test_a_soft_and_a_loud_member_are_heard_alike_after_a_while(table: Table) -> None:
    for name, source in (("soft", tone(400, 350.0)), ("loud", tone(700, 16000.0)), ("ear", silent)):
        table.peer(name, source)
        table.engine.room(name, {"room": "x"})
    ear = table.peers["ear"]
    table.run(100)
    apart = ear.level(700) / ear.level(400)
    table.run(1000)
    assert apart == pytest.approx(16000 / 350, rel=0.25)
    assert ear.level(700) / ear.level(400) < apart / 4
    assert ear.level(400) > 650


def test_whoever_comes_back_is_known_anew(table: Table) -> None:
    for name, source in (("soft", tone(400, 350.0)), ("ear", silent)):
        table.peer(name, source)
        table.engine.room(name, {"room": "x"})
    table.run(800)
    assert table.peers["ear"].level(400) > 500
    table.engine.room("soft", None)
    table.engine.room("soft", {"room": "x"})
    table.run(40)
    assert table.peers["ear"].level(400) < 400
