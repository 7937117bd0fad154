"""Transfers with telephones in the test's own hands: attended ones, races, and that nothing is left (R09)."""

from __future__ import annotations

from typing import Any

import pytest
from phones.scripted.desk import RINGS, STAYS, Desk, Tell, replacing

pytestmark = pytest.mark.row("R09")


def sent_on(record: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(one["by"], one["how"], one["status"]) for one in record["facts"].get("sent_on", [])]


def test_attended_transfer_joins_the_two_far_ends_and_the_transferrer_leaves_both(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris, asks, egor = await d.two_calls()
        boris.refer_to(replacing(asks, "206"))
        await d.over(boris, asks)
        assert boris.answers_to_refer == [202] and boris.told == [100, 200]
        assert anna.is_up and egor.is_up
        assert not [one for one in (*anna.got, *egor.got) if one.method == "INVITE"], "somebody got a re-INVITE"
        anna.bye()
        await d.over(anna, egor)
        first, second = await d.records(2)
        assert sent_on(first) == [("device boris-desk", "attended", 200)]
        assert sent_on(second) == [("device boris-desk", "joined", 200)]
        assert (first["path"], first["answered_by"]) == (["user/boris", "user/egor"], "device boris-desk")
        assert (second["path"], second["answered_by"]) == (["user/egor"], "device egor-desk")

    tell(story)


def test_the_far_end_of_an_attended_transfer_hangs_up(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris, asks, egor = await d.two_calls()
        boris.refer_to(replacing(asks, "206"))
        await d.over(boris, asks)
        egor.bye()
        await d.over(anna, egor)
        assert [record["hung_up_by"] for record in await d.records(2)] == ["callee", "callee"]

    tell(story)


def test_attended_transfer_out_of_the_call_that_one_began_oneself(tell: Tell) -> None:
    """The REFER comes in the second call and names the first."""

    async def story(d: Desk) -> None:
        anna, boris, asks, egor = await d.two_calls()
        asks.refer_to(replacing(boris, "201"))
        await d.over(boris, asks)
        assert asks.told == [100, 200] and anna.is_up and egor.is_up
        egor.bye()
        await d.over(anna, egor)

    tell(story)


def test_transferred_once_more_over_the_seam(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris, asks, egor = await d.two_calls()
        boris.refer_to(replacing(asks, "206"))
        await d.over(boris, asks)
        d.people |= {"gleb": STAYS}
        egor.refer("204")
        gleb = await d.rung("gleb-desk")
        await d.over(egor)
        await d.up(gleb, anna)
        gleb.bye()
        await d.over(anna)

    tell(story)


def test_semi_attended_the_other_call_still_rings(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS, "egor": RINGS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        asks = d.call("boris", "206")
        first = await d.rung("egor-desk")
        await d.until(lambda: "tag=" in asks.remote, "it rings")
        d.people |= {"egor": STAYS}
        boris.refer_to(replacing(asks, "206"))
        second = await d.rung("egor-desk", times=2)
        await d.over(boris, asks, first)
        await d.up(anna, second)
        assert (asks.over.result(), first.over.result(), boris.told[-1]) == (487, 487, 200)
        second.bye()
        await d.over(anna)
        one, two = await d.records(2)
        assert (two["disposition"], sent_on(one)) == ("cancelled", [("device boris-desk", "blind", 200)])

    tell(story)


def test_a_call_to_replace_that_is_not_there_is_refused_and_the_two_talk_on(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        boris.refer_to("sip:206@house.example?Replaces=nobody%3Bto-tag%3D1%3Bfrom-tag%3D2")
        await d.until(lambda: boris.answers_to_refer == [403], "the refusal")
        assert anna.is_up and boris.is_up
        anna.bye()
        await d.over(boris)

    tell(story)


def test_two_refers_at_once_the_second_is_refused(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS, "egor": RINGS, "gleb": STAYS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        boris.refer("206")
        anna.refer("204")
        await d.rung("egor-desk")
        await d.until(lambda: bool(anna.answers_to_refer and boris.answers_to_refer), "both are answered")
        assert (boris.answers_to_refer, anna.answers_to_refer) in (([202], [491]), ([202], [603]))
        assert d.was_rung("gleb-desk") == 0
        anna.bye()
        await d.over(boris)

    tell(story)


def test_the_transferee_hangs_up_while_it_rings_there(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS, "egor": RINGS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        boris.refer("206")
        egor = await d.rung("egor-desk")
        anna.bye()
        await d.over(boris, egor)
        assert egor.over.result() == 487
        (record,) = await d.records(1)
        assert sent_on(record) == [("device boris-desk", "blind", 487)]

    tell(story)


def test_transferee_and_target_are_faster_than_the_transferrer_learns(tell: Tell) -> None:
    """It answers and hangs up at once, the transferee hangs up in the same moment."""

    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS, "egor": STAYS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        boris.refer("206")
        egor = await d.rung("egor-desk")
        await d.up(egor)
        egor.bye()
        anna.bye()
        await d.over(boris, anna, egor)
        assert len(await d.records(1)) == 1

    tell(story)


@pytest.mark.parametrize("uri", ["sip:206@elsewhere.example", "sip:house.example", "tel:+79161234567;phone-context=x"])
def test_targets_that_are_not_ours(tell: Tell, uri: str) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS, "digits": STAYS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        boris.refer_to(uri)
        await d.until(lambda: bool(boris.answers_to_refer), "an answer")
        if boris.answers_to_refer == [202]:
            await d.over(boris)
        else:
            assert boris.answers_to_refer in ([403], [404]) and boris.is_up
        anna.bye()
        await d.over(boris)

    tell(story)


def test_a_carrier_may_not_transfer(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": STAYS}
        carrier = d.call_in("74951000002")
        anna = await d.rung("anna-desk")
        await d.up(carrier, anna)
        carrier.refer("206")
        await d.until(lambda: carrier.answers_to_refer == [403], "the refusal")
        anna.bye()
        await d.over(carrier)

    tell(story)
