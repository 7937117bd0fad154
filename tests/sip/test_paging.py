"""Paging live: everybody who answers hears the one who speaks, and is heard by nobody (R09)."""

from __future__ import annotations

import asyncio
import time

import pytest
from phones.scripted.desk import RINGS, STAYS, Desk, Tell

pytestmark = pytest.mark.row("R09")

PAGER, FIRST, SECOND = 600.0, 750.0, 1050.0  # Hz
TALK = 0.4  # seconds of a tone that count as hearing it


def test_all_hear_the_pager_and_nobody_hears_them(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        voices = {device: d.voice(device, hz) for device, hz in
                  (("egor-desk", PAGER), ("anna-desk", FIRST), ("boris-desk", SECOND))}  # fmt: skip
        d.people |= {"anna": STAYS, "boris": STAYS}
        egor = d.call("egor", "*81640")
        anna, boris = await d.rung("anna-desk"), await d.rung("boris-desk")
        for one in (anna, boris):
            assert one.invite is not None and one.invite["Call-Info"] == "<sip:house.example>;answer-after=0"
        await d.up(egor, anna, boris)
        began = time.monotonic()
        for device in ("anna-desk", "boris-desk"):
            await asyncio.to_thread(voices[device].track.wait_tone, PAGER, TALK, 5.0, began)
        heard = {device: voice.track.heard(began, time.monotonic()) for device, voice in voices.items()}
        assert [heard["egor-desk"].tone(hz) for hz in (FIRST, SECOND)] == [0.0, 0.0]
        assert heard["anna-desk"].tone(SECOND) == heard["boris-desk"].tone(FIRST) == 0.0
        assert d.was_rung("boris-soft") == 0
        anna.bye()
        again = time.monotonic()
        await asyncio.to_thread(voices["boris-desk"].track.wait_tone, PAGER, TALK, 5.0, again)
        egor.bye()
        await d.over(boris)
        (record,) = await d.records(1)
        assert record["path"] == ["feature_code/page/640"]
        assert (record["disposition"], record["hung_up_by"]) == ("answered", "caller")
        assert sorted((leg["leg"], leg["status"]) for leg in record["facts"]["legs"]) == [
            ("device anna-desk", 200), ("device boris-desk", 200),
        ]  # fmt: skip

    tell(story)


def test_who_talks_is_left_alone_and_the_last_who_listens_ends_it(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": STAYS, "boris": STAYS, "gleb": STAYS}
        talks = d.call("anna", "204")
        await d.up(talks)
        egor = d.call("egor", "*81640")
        boris = await d.rung("boris-desk")
        await d.up(egor, boris)
        boris.bye()
        await d.over(egor)
        assert d.was_rung("anna-desk") == 0 and talks.is_up
        talks.bye()

    tell(story)


def test_nobody_answers_and_the_pager_hears_so(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": RINGS}
        given_up = d.call("boris", "*81640")
        anna = await d.rung("anna-desk")
        await d.until(lambda: "tag=" in given_up.remote, "it rings")
        given_up.leave()
        await d.over(given_up, anna)
        d.people.clear()
        gone, nobody = d.call("egor", "*81640"), d.call("egor", "*81207")
        await d.over(gone, nobody)
        assert (gone.over.result(), nobody.over.result()) == (480, 480)

    tell(story)


@pytest.mark.row("R33")
def test_sigkill_the_telephones_are_rung_again_and_hear_the_pager(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna_hears, _ = d.voice("anna-desk", FIRST), d.voice("egor-desk", PAGER)
        d.people |= {"anna": STAYS}
        egor = d.call("egor", "*81640")
        first = await d.rung("anna-desk")
        await d.up(egor, first)
        await d.kill_calls()
        await d.over(first)
        again = await d.rung("anna-desk", times=2)
        await d.up(egor, again)
        await asyncio.to_thread(anna_hears.track.wait_tone, PAGER, TALK, 5.0, time.monotonic())
        egor.bye()
        await d.over(again)

    tell(story)
