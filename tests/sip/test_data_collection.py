"""Digits that a menu asks for, live: where they are to be read afterwards, and where they must not (behaviour R16)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
from phones.scripted.desk import Desk, Tell
from phones.scripted.edge import CallerLeg

pytestmark = pytest.mark.row("R16")

ORDERS = "+74951000061"
ORDER, CARD = "8315297", "4276160012345678"  # each is found nowhere else by chance


async def asked(desk: Desk, key: str, *, node: str = "ivr/orders") -> CallerLeg:
    """A caller who has typed this key of the menu, by RFC 4733 through the relay."""
    desk.types()
    leg = desk.call_in(ORDERS)
    await desk.up(leg)
    leg.speak()
    await desk.at(node, times=1)
    await leg.press(key)
    return leg


async def noted(desk: Desk, reason: str) -> None:
    """Until the one call that is up has this among its reasons."""
    await desk.until(lambda: reason in desk.stack.ask("calls")["calls"][0]["reasons"], reason)


def texts(folder: Path) -> dict[str, bytes]:
    """All that the processes have written and is there: journal, kept calls, store, logs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):  # sockets, and what is gone by now
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def places_of(folder: Path, digits: str) -> list[str]:
    return [name for name, text in texts(folder).items() if digits.encode() in text]


def told_of(desk: Desk, call: str) -> list[dict[str, object]]:
    """All events of a call that is over."""
    told = []
    events = desk.stack.told("events", since=0, boot=desk.stack.ask("status")["boot"])
    assert next(events)["ok"]
    for event in events:
        if event["call"] == call:
            told.append(event)
            if event["event"] == "call.ended":
                return told
    raise AssertionError("the events ended before the call")


def test_an_order_number_is_in_the_record_and_in_the_event(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        leg = await asked(desk, "1")
        await leg.press("12#")  # too short: asked again
        await leg.press(f"{ORDER}#")
        await leg.press("1")  # read back, and right
        await desk.at("user/anna", times=1)
        leg.bye()
        (record,) = await desk.records(1)
        assert record["facts"]["collected"] == {"order": ORDER}
        assert f"order: {ORDER} typed" in record["reasons"]
        assert "order: 2 digits typed, 4 to 10 are asked for (try 1)" in record["reasons"]
        ended = (await asyncio.to_thread(told_of, desk, record["id"]))[-1]
        assert ended["collected"] == {"order": ORDER}
        assert "store.sqlite" in "".join(places_of(desk.stack.folder, ORDER)), "the search finds what is there"

    tell(story)


def test_digits_that_nobody_shall_read_are_nowhere(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        leg = await asked(desk, "2")
        await leg.press(CARD)
        await desk.at("ivr/keys", times=1)
        listing = json.dumps([await asyncio.to_thread(desk.stack.ask, "calls"), await desk.status()])
        during = places_of(desk.stack.folder, CARD)
        await leg.press("7")  # a wrong key of the next menu, which may be the rest of what was asked for
        await noted(desk, "ivr/keys: * typed (try 1)")
        leg.bye()
        (record,) = await desk.records(1)
        assert record["facts"]["collected"] == {"card": "*" * 16}
        assert "card: 16 digits typed, not written down" in record["reasons"]
        events = json.dumps(await asyncio.to_thread(told_of, desk, record["id"]))
        for part in (CARD, CARD[:8], CARD[8:], CARD[::-1]):
            assert part not in listing + events + json.dumps(record)
            assert places_of(desk.stack.folder, part) == []
        assert during == []
        logs = [(desk.stack.folder / f"{name}.log").read_bytes() for name in ("calls", "media", "rtpengine")]
        assert not [log for log in logs if b"digit" in log.lower() or b"dtmf" in log.lower()], "nor one by one"

    tell(story)


@pytest.mark.row("R33")
def test_a_caller_who_types_when_the_process_is_killed_hears_the_menu_again(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        leg = await asked(desk, "2")
        await leg.press(CARD[:7])
        keys = leg.keys
        assert keys is not None
        await desk.kill_calls()
        await desk.at("ivr/orders", times=2)
        before = keys.sounds
        await desk.until(lambda: keys.sounds > before, "the menu is heard")
        await leg.press("1")
        await leg.press(f"{ORDER}#")
        await leg.press("1")
        await desk.at("user/anna", times=1)
        leg.bye()
        (record,) = await desk.records(1)
        assert record["facts"]["collected"] == {"order": ORDER}
        assert places_of(desk.stack.folder, CARD[:7]) == []

    tell(story)
