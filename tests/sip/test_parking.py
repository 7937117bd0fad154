"""Pickup, parking, intercom, and INVITE with Replaces, with telephones in the test's own hands (R09)."""

from __future__ import annotations

import pytest
from phones.scripted.desk import RINGS, STAYS, Desk, Tell
from phones.scripted.edge import CalleeLeg, CallerLeg

pytestmark = pytest.mark.row("R09")


async def rings_at_anna(d: Desk) -> tuple[CallerLeg, CalleeLeg]:
    d.people |= {"anna": RINGS}
    outside = d.call_in("74951000002")
    anna = await d.rung("anna-desk")
    await d.until(lambda: "tag=" in outside.remote, "the caller hears that it rings")
    return outside, anna


@pytest.mark.parametrize("code", ["*8", "**201", "**640"])
def test_a_call_that_rings_at_a_colleague_is_picked_up(tell: Tell, code: str) -> None:
    """Boris is in a ring group with anna."""

    async def story(d: Desk) -> None:
        outside, anna = await rings_at_anna(d)
        boris = d.call("boris", code)
        await d.up(outside, boris)
        await d.over(anna)
        assert anna.over.result() == 487
        boris.bye()
        await d.over(outside)
        one, two = await d.records(2)
        assert (one["answered_by"], one["path"][-1], one["disposition"]) == (
            "device boris-desk", "user/anna", "answered",
        )  # fmt: skip
        assert (two["path"][-1], two["answered_by"]) == ("+79161234567", "trunk digits")
        assert one["facts"]["calls"] == [{"call": two["id"]}] and two["facts"]["calls"] == [{"call": one["id"]}]

    tell(story)


def test_nothing_rings_nothing_is_picked_up(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        egor = d.call("egor", "*8")  # in no group
        boris = d.call("boris", "**201")
        await d.over(egor, boris)
        assert (egor.over.result(), boris.over.result()) == (480, 480)

    tell(story)


def test_who_may_not_pick_up_is_refused_and_it_rings_on(tell: Tell) -> None:
    """Neither by the code, nor by Replaces."""

    async def story(d: Desk) -> None:
        d.people |= {"rita": RINGS}
        egor = d.call("egor", "210")
        rita = await d.rung("rita-desk")
        await d.until(lambda: "tag=" in egor.remote, "the caller hears that it rings")
        refused = [d.call("boris", "**210"), d.call("boris", "210", [("Replaces", f"{rita.replaces};early-only")])]
        await d.over(*refused)
        assert [one.over.result() for one in refused] == [403, 403] and not rita.over.done()
        anna = d.call("anna", "**210")
        await d.up(egor, anna)
        anna.bye()
        await d.over(egor, rita)

    tell(story)


def test_two_want_the_same_call_one_gets_it(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        outside, anna = await rings_at_anna(d)
        boris, egor = d.call("boris", "**201"), d.call("egor", "**201")
        await d.until(lambda: boris.is_up or egor.is_up, "one has it")
        await d.until(lambda: boris.over.done() or egor.over.done(), "the other has not")
        winner, loser = (boris, egor) if boris.is_up else (egor, boris)
        assert loser.over.result() == 480 and outside.is_up
        winner.bye()
        await d.over(outside, anna)

    tell(story)


async def parked(d: Desk, code: str = "*68") -> tuple[CallerLeg, CalleeLeg]:
    """An outside call that anna has parked."""
    d.people |= {"anna": STAYS}
    before = d.was_rung("anna-desk")
    outside = d.call_in("74951000002")
    anna = await d.rung("anna-desk", times=before + 1)
    await d.up(outside, anna)
    anna.refer(code)
    await d.over(anna)
    assert anna.told == [100, 200] and outside.is_up
    return outside, anna


@pytest.mark.parametrize(
    ("park", "who", "unpark"), [("*68", "anna", "*69"), ("*68", "egor", "*69"), ("*684", "boris", "*694")]
)
def test_a_parked_call_is_taken(tell: Tell, park: str, who: str, unpark: str) -> None:
    async def story(d: Desk) -> None:
        outside, _ = await parked(d, park)
        taker = d.call(who, unpark)
        await d.up(taker)
        outside.bye()
        await d.over(taker)
        one, two = await d.records(2)
        assert one["path"][1] == "user/anna" and one["path"][-1].startswith("feature_code/park")
        (waited,) = one["facts"]["parked"]
        assert (waited["by"], waited["slot"]) == ("anna", park[3:] or "1") and waited["after"] >= 0
        assert two["path"] == [f"feature_code/unpark{'/4' if unpark == '*694' else ''}", "+79161234567"]

    tell(story)


def test_a_parked_call_that_nobody_takes_goes_back(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        outside, _ = await parked(d)
        again = await d.rung("anna-desk", times=2)
        await d.up(again)
        again.bye()
        await d.over(outside)
        (record,) = await d.records(1)
        assert record["path"][1:] == ["user/anna", "feature_code/park", "user/anna"]

    tell(story)


def test_slots_that_are_taken_or_not_there_give_the_call_back(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        outside, _ = await parked(d, "*682")
        d.people |= {"egor": STAYS}
        boris, egor = await d.two_talk("boris", "206", "egor-desk")
        for code in ("*682", "*6877"):
            egor.refer(code)
            await d.until(lambda: egor.told[-1:] == [486], "told")
            egor.got.clear()
            assert boris.is_up and egor.is_up
        boris.bye()
        outside.bye()
        await d.over(egor)

    tell(story)


def test_whoever_dials_the_park_code_parks_nobody(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        egor, boris = d.call("egor", "*68"), d.call("boris", "*69")
        await d.over(egor, boris)
        assert (egor.over.result(), boris.over.result()) == (403, 480)

    tell(story)


def test_a_parked_caller_hangs_up_and_its_slot_is_free(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        outside, _ = await parked(d, "*683")
        outside.bye()
        await d.nothing_is_left()
        again, _ = await parked(d, "*683")
        again.bye()

    tell(story)


def test_intercom_asks_the_desk_phone_to_answer_by_itself(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris": STAYS}
        anna = d.call("anna", "*80202")
        boris = await d.rung("boris-desk")
        assert boris.invite is not None
        assert boris.invite["Call-Info"] == "<sip:house.example>;answer-after=0"
        assert "alert-autoanswer" in boris.invite["Alert-Info"]
        await d.up(anna, boris)
        assert d.was_rung("boris-soft") == 0
        anna.bye()
        await d.over(boris)
        nobody = d.call("anna", "*80207")
        await d.over(nobody)
        assert nobody.over.result() == 404

    tell(story)


def test_an_invite_with_replaces_takes_the_place_of_one_who_talks(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        egor = d.call("egor", "202", [("Require", "replaces"), ("Replaces", boris.replaces)])
        await d.up(egor)
        await d.over(boris)
        assert anna.is_up
        anna.bye()
        await d.over(egor)

    tell(story)


def test_an_invite_with_replaces_takes_a_call_that_rings(tell: Tell) -> None:
    """As telephones do it that watch a colleague's (RFC 3891 §1, RFC 4235)."""

    async def story(d: Desk) -> None:
        outside, anna = await rings_at_anna(d)
        boris = d.call("boris", "201", [("Replaces", f"{anna.replaces};early-only")])
        await d.up(outside, boris)
        await d.over(anna)
        assert anna.over.result() == 487
        outside.bye()
        await d.over(boris)

    tell(story)


def test_an_invite_that_replaces_what_is_not_there_is_refused(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        nobody = d.call("egor", "202", [("Replaces", "none;to-tag=1;from-tag=2")])
        await d.over(nobody)
        assert nobody.over.result() == 481

    tell(story)
