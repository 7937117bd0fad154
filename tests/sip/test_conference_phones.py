"""A conference of three real phones behind the edge, at their ears: each hears both others, not itself (R13)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from phones.baresip import Baresip, Place
from phones.romashka.faults import CALLS, HEAL, MEDIA, all_is_well, gap, kill, offers, serves, until
from phones.romashka.stage import DOMAIN, TONES, Stage
from phones.tone import component

pytestmark = [pytest.mark.lab, pytest.mark.row("R13")]

ROOM = f"sip:800@{DOMAIN}"
THREE = ("ivanov", "petrova", "sidorov")
OTHERS = {name: {other for other in THREE if other != name} for name in THREE}
NOBODY: dict[str, set[str]] = {name: set() for name in THREE}
HEARD, UNHEARD = -22.0, -50.0  # dBFS of a tone that was sent at -14
STRETCH = 0.4  # seconds


def heard_by(phone: Baresip) -> set[str]:
    """Whose tones it hears now; those that are neither heard nor unheard come as `name?`."""
    now = time.monotonic()
    sound = phone.ear.track.sound(now - STRETCH - 0.1, now - 0.1)
    levels = {name: component(sound, TONES[name]) for name in THREE}
    unsure = {f"{name}?" for name, level in levels.items() if UNHEARD < level < HEARD}
    return {name for name, level in levels.items() if level >= HEARD} | unsure


def all_hear(phones: dict[str, Baresip], wanted: dict[str, set[str]], deadline: float = 6.0) -> float:
    """Until everybody hears just these; the seconds it took."""
    began = time.monotonic()
    while True:
        heard = {name: heard_by(phone) for name, phone in phones.items()}
        if heard == {name: wanted[name] for name in phones}:
            return time.monotonic() - began
        assert time.monotonic() - began < deadline, heard
        time.sleep(0.05)  # sound has no event to wait on


@contextmanager
def in_the_room(stage: Stage) -> Iterator[tuple[dict[str, Baresip], dict[str, Place]]]:
    phones = {name: stage.phone(name) for name in THREE}
    places = {}
    for name, phone in phones.items():
        places[name] = phone.dial(ROOM)
        phone.wait_established(places[name])
    yield phones, places
    for name, phone in phones.items():
        phone.hangup()
        phone.wait_closed(places[name])


def test_each_hears_both_others_and_not_itself_and_one_mutes_itself(stage: Stage, pbx: Any) -> None:
    with in_the_room(stage) as (phones, _):
        all_hear(phones, OTHERS)
        phones["petrova"].digits("*1")
        all_hear(phones, {name: others - {"petrova"} for name, others in OTHERS.items()}, 10.0)
        phones["petrova"].digits("*1")
        all_hear(phones, OTHERS, 10.0)
    all_is_well(pbx, stage)


@pytest.mark.row("R33")
def test_the_room_is_there_again_after_sigkill_of_the_engine_and_of_pbx_calls(stage: Stage, pbx: Any) -> None:
    with in_the_room(stage) as (phones, _):
        all_hear(phones, OTHERS)
        before = {name: offers(phone) for name, phone in phones.items()}
        killed = time.monotonic()
        is_back = kill(pbx, MEDIA)
        until(is_back, "pbx-media is back")
        all_hear(phones, OTHERS, HEAL)
        for name, phone in phones.items():
            assert gap(phone.ear.track, killed, f"{name}, pbx-media killed") < HEAL
        killed = time.monotonic()
        is_back = kill(pbx, CALLS)
        until(lambda: is_back() and serves(pbx), "pbx-calls serves again")
        all_hear(phones, OTHERS, HEAL)
        for name, phone in phones.items():
            assert gap(phone.ear.track, killed, f"{name}, pbx-calls killed") < HEAL
        assert before == {name: offers(phone) for name, phone in phones.items()}, "a re-INVITE"
    all_is_well(pbx, stage)
