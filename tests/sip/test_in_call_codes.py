"""Codes typed during a call: by a telephone that sends its digits with the sound (RFC 4733, read at the relay by
pbx-relay) and by one that sends SIP INFO; what the other side hears of them; pbx-relay killed in the middle."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import pytest
from bench.local_stack import Stack
from phones.scripted.desk import STAYS, Desk, Tell
from phones.scripted.edge import CalleeLeg, CallerLeg

pytestmark = [pytest.mark.row("R21"), pytest.mark.row("R09")]

Press = Callable[[CallerLeg | CalleeLeg, str], Awaitable[None]]


async def with_the_sound(leg: CallerLeg | CalleeLeg, digits: str) -> None:
    await leg.press(digits)


async def by_info(leg: CallerLeg | CalleeLeg, digits: str) -> None:
    for digit in digits:
        leg.digit(digit)


both_ways = pytest.mark.parametrize("press", [with_the_sound, by_info])


async def anna_talks_with_boris(d: Desk) -> tuple[CallerLeg, CalleeLeg]:
    d.types()
    d.people |= {"boris-desk": STAYS, "egor": STAYS}
    before = d.was_rung("boris-desk")
    anna = d.call("anna", "202")
    boris = await d.rung("boris-desk", times=before + 1)
    await d.up(anna, boris)
    anna.speak()
    boris.speak()
    return anna, boris


@both_ways
def test_a_call_is_transferred_by_digits(tell: Tell, press: Press) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await anna_talks_with_boris(d)
        await press(boris, "*1206#")
        egor = await d.rung("egor-desk")
        await d.up(anna, egor)
        await d.over(boris)
        assert anna.heard in ("*", "")  # the star, where it came with the sound
        anna.bye()
        await d.over(egor)

    tell(story)


@both_ways
def test_a_call_is_parked_by_digits_and_taken_again(tell: Tell, press: Press) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await anna_talks_with_boris(d)
        await press(anna, "*2")
        await d.over(anna)
        egor = d.call("egor", "*69")
        await d.up(egor, boris)
        egor.bye()
        await d.over(boris)

    tell(story)


@both_ways
def test_the_next_call_without_lifting_the_receiver_again(tell: Tell, press: Press) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await anna_talks_with_boris(d)
        await press(boris, "*0")
        await d.over(anna)
        assert boris.is_up
        await press(boris, "206#")
        egor = await d.rung("egor-desk")
        await d.up(boris, egor)
        boris.bye()
        await d.over(egor)

    tell(story)


@both_ways
def test_what_is_no_code_reaches_the_other_side_in_order_and_once(tell: Tell, press: Press) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await anna_talks_with_boris(d)
        await press(anna, "12")
        await d.until(lambda: boris.heard == "12", "plain digits are heard")
        await press(anna, "*9")
        await d.until(lambda: boris.heard == "12*9", "what began like a code is heard")
        await press(anna, "3")
        await d.until(lambda: boris.heard == "12*93", "digits after it are heard again")
        anna.bye()
        await d.over(boris)

    tell(story)


def test_outside_parties_type_for_somebody_elses_menus(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.types()
        d.people |= {"anna": STAYS}
        outside = d.call_in("74951000002")
        anna = await d.rung("anna-desk")
        await d.up(outside, anna)
        await outside.press("*0")
        await d.until(lambda: anna.heard == "*0", "both digits are heard")
        assert anna.is_up and outside.is_up
        outside.bye()
        await d.over(anna)

    tell(story)


def test_digits_typed_while_the_agent_is_away_wait_for_it(tell: Tell, local_office: tuple[Stack, str]) -> None:
    """The relay's socket is kept by somebody else, as systemd keeps it (`pbx-relay.socket`)."""
    stack, _ = local_office

    async def story(d: Desk) -> None:
        anna, boris = await anna_talks_with_boris(d)
        await boris.press("*")
        await d.until(lambda: anna.heard == "*", "the star is heard")
        relay = stack.processes["relay"]
        relay.send_signal(signal.SIGKILL)
        relay.wait()
        await boris.press("1206#")
        stack.start("relay")
        egor = await d.rung("egor-desk")
        await d.up(anna, egor)
        await d.over(boris)
        assert anna.heard == "*"
        anna.bye()
        await d.over(egor)

    tell(story)


def test_pbx_calls_killed_in_the_middle_of_a_code_leaves_no_digit_unheard(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await anna_talks_with_boris(d)
        await anna.press("*")
        await d.until(lambda: boris.heard == "*", "the star is heard")
        await anna.press("1")
        await d.kill_calls()
        await anna.press("5")
        await d.until(lambda: boris.heard.endswith("5"), "a digit after the restart is heard")
        anna.bye()
        await d.over(boris)

    tell(story)
