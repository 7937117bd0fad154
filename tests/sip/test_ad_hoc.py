"""An ad hoc conference at the ears of its telephones: a third is called into a call by a code that is typed (R14)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from phones.romashka.inside import MUSIC
from phones.rtp import Voice
from phones.scripted.desk import STAYS, TENANT, Desk, Tell
from phones.scripted.edge import CalleeLeg, CallerLeg
from phones.tone import component

from pbx.calls.simulated.world import Person

pytestmark = pytest.mark.row("R14")

TONES = {"anna": 600.0, "boris": 750.0, "egor": 1050.0, "digits": 1350.0}  # Hz
STRETCH = 0.4  # seconds
HEARD = -30.0  # dBFS of a tone that is heard
Voices = dict[str, Voice]


def voices(d: Desk, *names: str) -> Voices:
    return {name: d.voice("79160000009" if name == "digits" else f"{name}-desk", TONES[name]) for name in names}


def heard_by(voice: Voice) -> set[str]:
    """Whose tones it hears now."""
    now = time.monotonic()
    sound = voice.track.sound(now - STRETCH - 0.1, now - 0.1)
    return {name for name, hz in TONES.items() if component(sound, hz) >= HEARD}


async def hear(all_: Voices, deadline: float = 8.0, **wanted: str) -> None:
    """Until each of these hears just the others that are named (`boris="anna egor"`)."""
    end = time.monotonic() + deadline
    while True:
        seen = {name: heard_by(all_[name]) for name in wanted}
        if seen == {name: set(others.split()) for name, others in wanted.items()}:
            return
        assert time.monotonic() < end, seen
        await asyncio.sleep(0.05)  # sound has no event to wait on


def press(leg: CallerLeg | CalleeLeg, keys: str) -> None:
    for key in keys:
        leg.digit(key)


async def two(d: Desk) -> tuple[CallerLeg, CalleeLeg]:
    d.people |= {"boris-desk": STAYS, "egor-desk": STAYS, "digits": STAYS}
    return await d.two_talk("anna", "202", "boris-desk")


async def three(d: Desk, all_: Voices) -> tuple[CallerLeg, CalleeLeg, CalleeLeg]:
    """Anna has called egor into her call with boris."""
    anna, boris = await two(d)
    await hear(all_, anna="boris", boris="anna")
    before = d.was_rung("egor-desk")
    press(anna, "*3206#")
    egor = await d.rung("egor-desk", times=before + 1)
    await d.up(anna, boris, egor)
    await hear(all_, anna="boris egor", boris="anna egor", egor="anna boris")
    return anna, boris, egor


async def ask(d: Desk, command: str, **more: object) -> dict[str, Any]:
    return await asyncio.to_thread(d.stack.ask, command, on="api", tenant=TENANT, **more)


def test_all_three_hear_each_other_and_two_are_left(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        all_ = voices(d, "anna", "boris", "egor")
        anna, boris, egor = await three(d, all_)
        assert egor.invite is not None and "201" in egor.invite["From"], "it is anna who calls"
        (listed,) = (await ask(d, "calls"))["calls"]
        assert listed["state"] == "conference" and [one["user"] for one in listed["mixed"]] == ["boris", "egor"]
        invites = [len([one for one in leg.got if one.method == "INVITE"]) for leg in (anna, boris, egor)]
        assert invites == [0, 0, 0], "a re-INVITE"
        press(boris, "*1")  # mutes himself
        await hear(all_, 12.0, anna="egor", egor="anna")
        boris.bye()
        await hear(all_, anna="egor", egor="anna")
        anna.bye()
        await d.over(egor)
        (record,) = await d.records(1)
        (mix,) = record["facts"]["mixes"]
        assert [(one["leg"], "after" in one) for one in mix["members"]] == [
            ("device anna-desk", True), ("device boris-desk", True), ("device egor-desk", True),
        ]  # fmt: skip
        assert mix["members"][1]["muted"] and mix["by"] == "device anna-desk"
        assert record["path"] == ["user/boris", "user/egor"] and record["hung_up_by"] == "caller"

    tell(story)


def test_the_third_is_rung_with_music_and_busy_and_the_two_talk_as_before(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        all_ = voices(d, "anna", "boris")
        anna, boris = await two(d)
        d.people["egor-desk"] = Person(status=486, after=1.5)
        press(anna, "*3206#")
        await d.rung("egor-desk")
        await asyncio.to_thread(all_["boris"].track.wait_tone, MUSIC, 0.2, 5.0, time.monotonic())
        await hear(all_, 12.0, anna="boris", boris="anna")
        boris.bye()
        await d.over(anna)
        (record,) = await d.records(1)
        assert "206 does not come in: 486" in record["reasons"] and record["hung_up_by"] == "callee"
        assert record["path"] == ["user/boris"] and record["disposition"] == "answered"

    tell(story)


def test_who_was_called_asks_by_the_api_for_a_number_outside(tell: Tell) -> None:
    """Boris moderates: when he goes it is over for all."""

    async def story(d: Desk) -> None:
        all_ = voices(d, "anna", "boris", "digits")
        anna, boris = await two(d)
        (listed,) = (await ask(d, "calls"))["calls"]
        more = {"call": listed["call"], "user": "boris", "third": True}
        assert (await ask(d, "transfer", to="205", **{**more, "user": "egor"}))["status"] == 409
        assert (await ask(d, "transfer", to="202", **more))["status"] == 409
        assert (await ask(d, "transfer", to="+79160000009", **more))["ok"]
        outside = await d.rung("digits")
        await hear(all_, anna="boris digits", boris="anna digits", digits="anna boris")
        boris.bye()
        await d.over(anna, outside)
        (record,) = await d.records(1)
        assert record["path"] == ["user/boris", "+79160000009"] and record["hung_up_by"] == "callee"

    tell(story)


@pytest.mark.row("R33")
def test_sigkill_of_pbx_calls_and_of_the_engine(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        all_ = voices(d, "anna", "boris", "egor")
        anna, boris, egor = await three(d, all_)
        press(boris, "*1")
        await hear(all_, 12.0, anna="egor", boris="anna egor", egor="anna")
        await d.kill_calls()
        await hear(all_, anna="egor", boris="anna egor", egor="anna")
        press(anna, "*3")  # keys are heard
        await hear(all_, 12.0, anna="", boris="anna", egor="anna")
        press(anna, "*3")
        await hear(all_, 12.0, anna="boris egor", boris="anna egor", egor="anna boris")
        engine = d.stack.processes["media"]
        engine.kill()
        await asyncio.to_thread(engine.wait)
        d.stack.start("media")
        await hear(all_, anna="boris egor", boris="anna egor", egor="anna boris")
        egor.bye()
        await hear(all_, anna="boris", boris="anna")
        anna.bye()
        await d.over(boris)
        (record,) = await d.records(1)
        assert record["disposition"] == "answered" and len(record["facts"]["mixes"]) == 1

    tell(story)


@pytest.mark.row("R33")
def test_sigkill_while_the_third_rings(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        all_ = voices(d, "anna", "boris")
        anna, boris = await two(d)
        d.people["egor-desk"] = Person()
        press(anna, "*3206#")
        egor = await d.rung("egor-desk")
        await d.kill_calls()
        await hear(all_, anna="boris", boris="anna")
        anna.bye()
        await d.over(boris, egor)

    tell(story)
