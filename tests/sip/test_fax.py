"""T.38: a fax device offers UDPTL in the middle of a call; it, and sound after it, go to the other side."""

from __future__ import annotations

import pytest
from phones.scripted.desk import STAYS, Desk, Tell
from phones.scripted.edge import CalleeLeg, CallerLeg

pytestmark = pytest.mark.row("R21")

HERE, THERE = b"\x00\x01here", b"\x00\x01there"  # of UDPTL only the sequence number is looked at, by nobody


async def a_fax_is_called(d: Desk) -> tuple[CallerLeg, CalleeLeg]:
    d.types()
    d.people |= {"anna": STAYS}
    outside = d.call_in("74951000002")
    anna = await d.rung("anna-desk")
    await d.up(outside, anna)
    await anna.press("1")
    await d.until(lambda: outside.heard == "1", "sound reaches the caller")
    return outside, anna


def test_udptl_goes_both_ways_and_sound_again_after_it(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        outside, anna = await a_fax_is_called(d)
        outside.takes_fax = True
        anna.fax()
        await d.until(lambda: anna.reinvited == [200], "the fax is accepted")
        for leg in (outside, anna):
            assert b" udptl t38" in leg.offered and b"a=T38MaxBitRate:14400" in leg.offered
            assert leg.keys is not None
        assert outside.keys and anna.keys

        def both_ways() -> bool:
            assert outside.keys and anna.keys
            outside.keys.send(outside.ear, HERE)
            anna.keys.send(anna.ear, THERE)
            return HERE in anna.keys.others and THERE in outside.keys.others

        await d.until(both_ways, "UDPTL goes both ways")
        anna.reinvite("sendrecv")
        await d.until(lambda: anna.reinvited == [200, 200], "sound is accepted again")
        assert b"m=audio" in outside.offered and b"m=audio" in anna.offered
        await anna.press("2")
        await d.until(lambda: outside.heard == "12", "sound goes one way")
        await outside.press("3")
        await d.until(lambda: anna.heard == "3", "and the other")
        anna.bye()
        await d.over(outside)

    tell(story)


def test_who_does_not_take_it_talks_on(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        outside, anna = await a_fax_is_called(d)
        anna.fax()
        await d.until(lambda: anna.reinvited == [488], "the fax is refused")
        await anna.press("2")
        await d.until(lambda: outside.heard == "12", "sound goes on")
        await outside.press("3")
        await d.until(lambda: anna.heard == "3", "both ways")
        anna.bye()
        await d.over(outside)

    tell(story)


def test_the_engine_takes_no_fax(tell: Tell) -> None:
    """A menu answers: nobody is there who could."""

    async def story(d: Desk) -> None:
        d.types()
        anna = d.call("anna", "*43")
        await d.up(anna)
        anna.fax()
        await d.until(lambda: anna.reinvited == [488], "the fax is refused")
        anna.bye()

    tell(story)
