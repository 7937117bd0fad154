"""Conference rooms with telephones in the test's own hands: who comes in, what keys and the API do, SIGKILL (R13)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from phones.scripted.desk import PINS, STAYS, TENANT, Desk, Tell
from phones.scripted.edge import CallerLeg

pytestmark = pytest.mark.row("R13")

MEMBER, CHAIR = PINS["board"], PINS["chair"]


async def ask(d: Desk, command: str, **more: object) -> dict[str, Any]:
    return await asyncio.to_thread(d.stack.ask, command, on="api", tenant=TENANT, **more)


async def room(d: Desk, conference: str = "board") -> dict[str, Any]:
    rooms = (await ask(d, "conferences"))["conferences"]
    found: dict[str, Any] = next(one for one in rooms if one["conference"] == conference)
    return found


async def becomes(d: Desk, conference: str = "board", **wanted: object) -> None:
    """Until each user is so: `anna="in"`, `"waits"`, `"muted"`; others are not there."""
    end = asyncio.get_running_loop().time() + 8.0
    while True:
        seen = {one["user"]: _state(one) for one in (await room(d, conference))["members"]}
        if seen == wanted:
            return
        assert asyncio.get_running_loop().time() < end, (seen, wanted)
        await asyncio.sleep(0.02)


async def locked(d: Desk, wanted: bool) -> None:
    """Until the door is so."""
    end = asyncio.get_running_loop().time() + 8.0
    while (await room(d))["locked"] is not wanted:
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.02)


def _state(member: dict[str, Any]) -> str:
    how = "waits" if member["waits"] else "muted" if member["muted"] else "in"
    return f"{how}, moderates" if member["moderates"] else how


async def comes(d: Desk, user: str, typed: str, extension: str = "801") -> CallerLeg:
    """A user dials the room and types this PIN."""
    leg = d.call(user, extension)
    await d.up(leg)
    press(leg, typed)
    return leg


def press(leg: CallerLeg, keys: str) -> None:
    for key in keys:
        leg.digit(key)


async def three(d: Desk) -> tuple[CallerLeg, CallerLeg, CallerLeg]:
    """Anna moderates, boris came first, egor last."""
    boris = await comes(d, "boris", f"{MEMBER}#")
    await becomes(d, boris="waits")
    anna = await comes(d, "anna", f"{CHAIR}#")
    egor = await comes(d, "egor", f"{MEMBER}#")
    await becomes(d, boris="in", anna="in, moderates", egor="in")
    return anna, boris, egor


def test_members_wait_for_the_moderator_and_mute_themselves(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris, egor = await three(d)
        press(boris, "*1")
        await becomes(d, boris="muted", anna="in, moderates", egor="in")
        press(boris, "*1")
        await becomes(d, boris="in", anna="in, moderates", egor="in")
        boris.reinvite("sendonly")
        boris.reinvite("sendrecv")
        press(boris, "*2")  # not for him
        anna.bye()
        await becomes(d, boris="in", egor="in")  # it goes on without her
        assert not (await room(d))["locked"]
        boris.bye()
        egor.bye()
        one, two, three_ = await d.records(3)
        (was_in,) = one["facts"]["conferences"]
        assert (was_in["conference"], was_in["moderates"], was_in["in"]) == ("board", False, True)
        assert two["facts"]["conferences"][0]["moderates"] and three_["path"] == ["conference/board"]
        assert not any(pin in str(record) for record in (one, two, three_) for pin in PINS.values())

    tell(story)


def test_the_moderators_keys(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris, egor = await three(d)
        press(anna, "*3")
        await becomes(d, boris="muted", anna="in, moderates", egor="muted")
        press(boris, "*1")  # he may not take that back
        press(anna, "*4")
        await d.over(egor)
        await becomes(d, boris="muted", anna="in, moderates")
        press(anna, "*3")
        await becomes(d, boris="in", anna="in, moderates")
        press(anna, "*2")
        await locked(d, True)
        dina = await comes(d, "dina", f"{MEMBER}#")
        await d.over(dina)
        anna.bye()
        assert (await room(d))["locked"], "it stays locked when who locked it goes"
        boris.bye()
        await d.over(boris)
        await locked(d, False)
        records = await d.records(4)
        assert "conference/board: sent out" in records[2]["reasons"] and records[2]["hung_up_by"] == "pbx"
        assert records[3]["reasons"][-1] == "conference/board: locked by its moderator"

    tell(story)


def test_a_full_room_and_wrong_pins(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        legs = await three(d)
        late = await comes(d, "dina", f"{CHAIR}#")
        await d.over(late)
        guesses = await comes(d, "gleb", "1#2#3#")
        await d.until(guesses.over.done, "it is told three times that the PIN is wrong, and goodbye", within=25.0)
        for leg in legs:
            leg.bye()
        records = await d.records(5)
        assert records[3]["reasons"][-1] == "conference/board: 3 are in, that is all it takes"
        assert records[4]["reasons"][-1] == "conference/board: no right PIN in 3 tries"

    tell(story)


def test_the_api_sees_and_rules(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        legs = await three(d)
        found = await room(d)
        assert (found["extension"], found["max_members"], found["locked"]) == ("801", 3, False)
        calls = {one["user"]: one["call"] for one in found["members"]}
        assert [one["number"] for one in found["members"]] == ["202", "201", "206"]

        async def act(act: str, **more: object) -> dict[str, Any]:
            return await ask(d, "in_conference", conference="board", act=act, **more)

        assert (await act("mute", call=calls["egor"]))["ok"]
        await becomes(d, boris="in", anna="in, moderates", egor="muted")
        press(legs[2], "*1")
        assert (await act("unmute", call=calls["egor"]))["ok"]
        await becomes(d, boris="in", anna="in, moderates", egor="in")
        assert (await act("lock"))["ok"] and (await room(d))["locked"]
        assert (await act("unlock"))["ok"] and not (await room(d))["locked"]
        assert (await act("kick", call=calls["boris"]))["ok"]
        await d.over(legs[1])
        assert (await act("mute", call=calls["boris"]))["status"] == 404
        assert (await act("shout", call=calls["egor"]))["status"] == 400
        assert (await ask(d, "in_conference", conference="nowhere", act="lock"))["status"] == 404
        assert (await ask(d, "in_conference", conference="open", act="lock"))["status"] == 409
        for leg in (legs[0], legs[2]):
            leg.bye()

    tell(story)


def test_somebody_is_sent_into_the_room(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        egor = await comes(d, "egor", "", "800")
        boris.refer("800")
        await d.over(boris)
        await becomes(d, "open", egor="in", anna="in")
        assert boris.told[-1] == 200
        egor.bye()
        anna.bye()

    tell(story)


@pytest.mark.parametrize("to", ["206", "+79160000009"])
def test_somebody_is_called_in_and_asked_for_no_pin(tell: Tell, to: str) -> None:
    """By the moderator's keys a colleague, by the API a number outside."""

    async def story(d: Desk) -> None:
        d.people |= {"egor-desk": STAYS, "digits": STAYS, "plus": STAYS}
        anna = await comes(d, "anna", f"{CHAIR}#")
        await becomes(d, anna="in, moderates")
        if to == "206":
            press(anna, "*5206#")
        else:
            assert (await ask(d, "invite", conference="board", user="anna", to="8"))["status"] == 422
            assert (await ask(d, "invite", conference="board", user="anna", to=to))["ok"]
        end = asyncio.get_running_loop().time() + 8
        while len(members := (await room(d))["members"]) < 2 or members[1]["waits"]:
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.02)
        assert (members[1]["number"], members[1]["moderates"]) == (to, False)
        assert (await ask(d, "in_conference", conference="board", act="kick", call=members[1]["call"]))["ok"]
        anna.bye()
        _, second = await d.records(2)
        assert second["path"] == ["conference/board"] and second["disposition"] == "answered"
        assert second["source"] == "conference board" and second["dialled"] == to

    tell(story)


@pytest.mark.row("R33")
def test_after_sigkill_all_are_in_the_room_again_and_nobody_is_asked_for_a_pin(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris, egor = await three(d)
        press(anna, "*2")
        await locked(d, True)
        press(boris, "*1")
        await becomes(d, boris="muted", anna="in, moderates", egor="in")
        process = d.stack.processes["calls"]
        process.kill()
        await asyncio.to_thread(process.wait)
        d.stack.start("calls")
        await asyncio.to_thread(d.stack.wait_until_served)
        await d.owned()
        await becomes(d, boris="muted", anna="in, moderates", egor="in")
        assert (await room(d))["locked"]
        assert anna.is_up and boris.is_up and egor.is_up
        press(anna, "*3")  # keys are heard
        await becomes(d, boris="muted", anna="in, moderates", egor="muted")
        for leg in (anna, boris, egor):
            leg.bye()
        for record in await d.records(3):
            assert record["disposition"] == "answered" and record["path"][0] == "conference/board"
            assert len(record["facts"]["conferences"]) == 1

    tell(story)
