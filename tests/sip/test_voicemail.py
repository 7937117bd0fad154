"""Messages live: what was said is kept, whatever happens to the process that takes it (behaviour R12)."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phones.scripted.desk import Desk, Tell
from phones.scripted.voice import hears, speak

from pbx.media import g711
from pbx.store import sealed
from pbx.store.messages import opened_text

pytestmark = pytest.mark.row("R12")

KEY = sealed.key_of("of a stack on one machine, for as long as it runs")
BOX, FULL_BOX = "+74951000052", "+74951000053"


def stored(folder: Path, box: str) -> list[tuple[dict[str, Any], bytes]]:
    """The messages in the store that are not deleted, oldest first, with their sound."""
    db = sqlite3.connect(folder / "store.sqlite")
    db.row_factory = sqlite3.Row
    rows = db.execute(
        "SELECT * FROM message JOIN message_sound USING (id) WHERE box = ? AND state <> 'deleted' ORDER BY born", (box,)
    ).fetchall()
    db.close()
    return [(dict(row), sealed.opened(KEY, row["id"], row["sound"])) for row in rows]


def loudest(sound: bytes) -> float:
    """Hz."""
    wave = g711.ALAW_TO_PCM[np.frombuffer(sound, np.uint8)].astype(np.float64)
    return float(np.argmax(np.abs(np.fft.rfft(wave))) * 8000 / len(wave))


async def in_store(desk: Desk, box: str, count: int) -> list[tuple[dict[str, Any], bytes]]:
    await desk.until(lambda: len(stored(desk.stack.folder, box)) >= count, f"{count} messages in {box}")
    return stored(desk.stack.folder, box)


async def at_the_beep(desk: Desk, number: str = BOX) -> Any:
    """A caller who has gone past the greeting."""
    before = drafts(desk)
    leg = desk.call_in(number)
    await desk.up(leg)
    if number == BOX:  # the other one has no greeting
        leg.digit("#")
    await desk.until(lambda: drafts(desk) > before, "a message is recorded")
    return leg


def drafts(desk: Desk) -> int:
    """How many messages are being recorded and have some sound."""
    return sum(bool(one.stat().st_size) for one in (desk.stack.folder / "messages").rglob("*.draft"))


def test_a_message_is_in_the_store_with_what_was_said(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        before = len(stored(desk.stack.folder, "anna"))
        leg = await at_the_beep(desk)
        await speak(leg, 700, 2.5)
        leg.digit("#")
        await desk.over(leg)
        row, sound = (await in_store(desk, "anna", before + 1))[-1]
        assert (row["tenant"], row["state"], row["caller"]) == ("house", "new", "+79161234567")
        assert abs(row["length"] / 1000 - len(sound) / 8000) < 0.01 and 1.5 < len(sound) / 8000 < 3.5
        assert abs(loudest(sound[4000:]) - 700) < 5
        (record,) = await desk.records(1)
        assert record["path"][-1] == "voicemail/anna" and "voicemail/anna: a message of" in record["reasons"][-1]
        assert not [*(desk.stack.folder / "messages" / "bench.1").iterdir()], "the spool is empty again"

    tell(story)


def test_who_hangs_up_has_left_a_message_and_who_says_nothing_has_not(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        before = len(stored(desk.stack.folder, "anna"))
        silent, leg = await at_the_beep(desk), await at_the_beep(desk)
        await speak(leg, 900, 1.8)
        leg.bye()
        silent.bye()
        await desk.over(leg, silent)
        assert abs(loudest((await in_store(desk, "anna", before + 1))[-1][1][4000:]) - 900) < 5
        reasons = [record["reasons"][-1] for record in await desk.records(2)]
        assert sorted(one.split(":")[1] for one in reasons) == [" a message of 2 s", " nothing was said, no message"]

    tell(story)


def test_key_0_leads_to_the_operator_and_key_1_begins_again(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        before = len(stored(desk.stack.folder, "anna"))
        leg = await at_the_beep(desk)
        await speak(leg, 500, 1.6)
        leg.digit("1")
        await desk.until(lambda: not drafts(desk), "it is forgotten")
        await desk.until(lambda: bool(drafts(desk)), "and begun again")
        await speak(leg, 1200, 2.0)
        leg.digit("0")
        await desk.rung("boris-desk")
        assert abs(loudest((await in_store(desk, "anna", before + 1))[-1][1][4000:]) - 1200) < 5
        leg.bye()
        await desk.over(leg)

    tell(story)


@pytest.mark.parametrize("said", [0.3, 2.0])
def test_a_killed_process_keeps_what_was_said_until_then(tell: Tell, said: float) -> None:
    """Less than a second of it is no message: the caller is asked anew."""

    async def story(desk: Desk) -> None:
        before = len(stored(desk.stack.folder, "anna"))
        leg = await at_the_beep(desk)
        speaking = asyncio.ensure_future(speak(leg, 800, 30))
        spool = desk.stack.folder / "messages"
        await desk.until(lambda: sum(one.stat().st_size for one in spool.rglob("*.draft")) >= 8000 * said, "it is said")
        calls = desk.stack.processes["calls"]
        calls.send_signal(signal.SIGKILL)
        await asyncio.to_thread(calls.wait)
        desk.stack.start("calls")
        await asyncio.to_thread(desk.stack.wait_until_served)
        await desk.owned()
        if said >= 1:
            row, sound = (await in_store(desk, "anna", before + 1))[-1]
            assert len(sound) >= 8000 * 1.0 and row["length"] == len(sound) / 8
            assert abs(loudest(sound[4000:]) - 800) < 5
        await desk.at("voicemail/anna", times=2)  # the caller hears the greeting once more
        speaking.cancel()
        leg.bye()
        await desk.over(leg)

    tell(story)


def test_nothing_that_was_confirmed_is_lost_when_the_process_is_killed_at_once(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        before = len(stored(desk.stack.folder, "anna"))
        desk.stack.processes["journal"].send_signal(signal.SIGSTOP)  # the store hears nothing
        try:
            leg = await at_the_beep(desk)
            await speak(leg, 600, 2.0)
            leg.digit("#")
            spool = desk.stack.folder / "messages"
            await desk.until(lambda: bool([*spool.rglob("*.message")]), "it is confirmed")
            desk.stack.processes["calls"].send_signal(signal.SIGKILL)
            await asyncio.to_thread(desk.stack.processes["calls"].wait)
        finally:
            desk.stack.processes["journal"].send_signal(signal.SIGCONT)
        desk.stack.start("calls")
        await asyncio.to_thread(desk.stack.wait_until_served)
        await desk.owned()
        found = await in_store(desk, "anna", before + 1)
        assert len(found) == before + 1 and abs(loudest(found[-1][1][4000:]) - 600) < 5
        leg.bye()

    tell(story)


def draft(desk: Desk, message: str) -> str:
    """What the program of the site took a message for."""
    db = sqlite3.connect(desk.stack.folder / "store.sqlite")
    found = db.execute("SELECT text FROM message_text WHERE id = ?", (message,)).fetchone()
    db.close()
    return opened_text(KEY, message, found[0]) if found else ""


def press(leg: Any, keys: str) -> None:
    for key in keys:
        leg.digit(key)


def test_the_owner_hears_deletes_and_brings_back_over_a_killed_process(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        assert not stored(desk.stack.folder, "boris")
        caller = await at_the_beep(desk, FULL_BOX)
        await speak(caller, 1300, 2.5)
        caller.digit("#")
        row, _ = (await in_store(desk, "boris", 1))[-1]
        await desk.over(caller)

        owner = desk.call("boris", "*97")
        await desk.up(owner)
        press(owner, "8642#8642#")  # the box has no PIN yet
        await hears(owner, 1300)
        owner.digit("2")
        await desk.until(lambda: state(desk, row["id"]) == "deleted", "it is deleted")
        calls = desk.stack.processes["calls"]
        calls.send_signal(signal.SIGKILL)
        await asyncio.to_thread(calls.wait)
        desk.stack.start("calls")
        await asyncio.to_thread(desk.stack.wait_until_served)
        await desk.owned()
        owner.bye()
        await desk.over(owner)

        wrong = desk.call("boris", "*97")
        await desk.up(wrong)
        press(wrong, "1111#2222#3333#")  # the PIN of before the kill counts
        await desk.until(wrong.over.done, "three times wrong", within=20)
        late = desk.call("boris", "*97")
        await desk.over(late)
        assert (await desk.records(4))[-1]["reasons"][-1] == "voicemail/boris: locked after wrong PINs"
        assert not [*(desk.stack.folder / "heard").iterdir()], "nothing lies about in clear"

    tell(story)


def state(desk: Desk, message: str) -> str:
    db = sqlite3.connect(desk.stack.folder / "store.sqlite")
    (found,) = db.execute("SELECT state FROM message WHERE id = ?", (message,)).fetchone()
    db.close()
    return str(found)


def test_a_shared_box_is_chosen_and_what_one_deletes_is_gone_for_all(tell: Tell) -> None:
    """anna has a box of her own and shares olga's, which is written down, and opens from outside too."""

    async def story(desk: Desk) -> None:
        caller = desk.call_in("+74951000054")
        await desk.up(caller)
        before = drafts(desk)
        caller.digit("#")
        await desk.until(lambda: drafts(desk) > before, "a message is recorded")
        await speak(caller, 1100, 2.5)
        caller.digit("#")
        row, sound = (await in_store(desk, "crew", 1))[-1]
        await desk.over(caller)
        await desk.until(lambda: bool(draft(desk, row["id"])), "it is written down")
        assert draft(desk, row["id"]) == f"ru-RU: {round(len(sound) / 8000)} s"

        outside = desk.call_in("+74951000054")
        await desk.up(outside)
        press(outside, "*6274#")
        await hears(outside, 1100)
        outside.bye()
        await desk.over(outside)

        anna = desk.call("anna", "*97")
        await desk.up(anna)
        press(anna, "26274#")
        await hears(anna, 1100)
        anna.digit("2")
        await desk.until(lambda: state(desk, row["id"]) == "deleted", "it is deleted")
        anna.bye()
        await desk.over(anna)
        assert "voicemail/crew: chosen among several" in (await desk.records(3))[-1]["reasons"]

    tell(story)


def test_a_full_box_says_so(tell: Tell) -> None:
    async def story(desk: Desk) -> None:
        if not stored(desk.stack.folder, "boris"):
            leg = await at_the_beep(desk, FULL_BOX)
            await speak(leg, 700, 1.6)
            leg.digit("#")
            await in_store(desk, "boris", 1)
            await desk.over(leg)
        late = desk.call_in(FULL_BOX)
        await desk.over(late)
        assert (await desk.records(2))[-1]["reasons"][-1] == "voicemail/boris: full, 1 messages are in it"

    tell(story)
