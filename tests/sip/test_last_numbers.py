"""The last number that a person dialled, whoever called them last, and short numbers, live; also after SIGKILL."""

from __future__ import annotations

import sqlite3

import pytest
from phones.scripted.desk import RINGS, STAYS, Desk, Tell

pytestmark = pytest.mark.row("R09")


async def talked(d: Desk, who: str, dialled: str, device: str) -> None:
    """A call that is answered and over."""
    before = d.was_rung(device)
    caller = d.call(who, dialled)
    callee = await d.rung(device, times=before + 1)
    await d.up(caller, callee)
    caller.bye()
    await d.over(callee)


@pytest.mark.row("R33")
def test_the_last_number_is_dialled_again_also_by_the_process_after(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"egor": STAYS, "boris-desk": STAYS}
        await talked(d, "anna", "206", "egor-desk")
        await talked(d, "anna", "202", "boris-desk")
        await talked(d, "anna", "*66", "boris-desk")
        await talked(d, "anna", "*66", "boris-desk")  # a code is no number
        await d.records(4)
        await d.kill_calls()
        await talked(d, "anna", "*66", "boris-desk")
        last = (await d.records(5))[-1]
        assert last["path"] == ["feature_code/redial", "user/boris"]
        assert last["facts"]["dials"] == "202" and last["facts"]["last_numbers"] == {"dialled": "202"}

    tell(story)


def test_whoever_has_called_last_is_called_answered_or_not(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": RINGS, "digits": STAYS, "egor": STAYS}
        missed = d.call_in("74951000002", caller="79161112233")
        await d.rung("anna-desk")
        missed.leave()
        await d.over(missed)
        await d.records(1)
        await talked(d, "anna", "*65", "digits")
        await d.kill_calls()
        await talked(d, "anna", "*65", "digits")
        record = (await d.records(3))[-1]
        assert record["path"] == ["feature_code/call_return", "+79161112233", "trunk/digits"]
        assert record["facts"]["dials"] == "+79161112233"
        await talked(d, "anna", "*66", "digits")  # and is the last number then

    tell(story)


def test_an_emergency_number_is_dialled_again_by_no_code(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"digits": STAYS}
        gleb = d.call("gleb", "112", [("X-PBX-Emergency", "1")])
        await d.up(gleb)
        gleb.bye()
        await d.records(1)
        again = d.call("gleb", "*66")
        await d.over(again)
        assert again.over.result() == 404

    tell(story)


def test_a_store_that_is_locked_makes_a_call_wait_a_moment_and_no_longer(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        db = sqlite3.connect(d.stack.folder / "store.sqlite", isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        try:
            nobody = d.call("rita", "*66")
            await d.over(nobody)
        finally:
            db.execute("ROLLBACK")
            db.close()
        assert nobody.over.result() == 404

    tell(story)
