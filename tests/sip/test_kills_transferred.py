"""SIGKILL of pbx-calls after a transfer, in the middle of one, and while a call is parked (R09, R33)."""

from __future__ import annotations

import pytest
from phones.scripted.desk import RINGS, STAYS, Desk, Tell, replacing

pytestmark = [pytest.mark.row("R09"), pytest.mark.row("R33")]


def test_two_who_were_joined_by_an_attended_transfer_talk_on_and_hang_up(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris, asks, egor = await d.two_calls()
        boris.refer_to(replacing(asks, "206"))
        await d.over(boris, asks)
        await d.kill_calls()
        assert (await d.status())["calls"] == 2 and anna.is_up and egor.is_up
        anna.bye()
        await d.over(egor)
        for record in await d.records(2):
            assert record["disposition"] == "answered"
            assert "the process was started again: the call goes on" in record["reasons"]

    tell(story)


@pytest.mark.parametrize("who", ["the callee of once", "whom it was sent to"])
def test_after_the_caller_has_sent_the_callee_on(tell: Tell, who: str) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS, "egor": STAYS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        anna.refer("206")
        egor = await d.rung("egor-desk")
        await d.up(egor)
        await d.over(anna)
        await d.kill_calls()
        assert boris.is_up and egor.is_up
        boris.reinvite("sendonly")
        boris.reinvite("sendrecv")
        (boris if who == "the callee of once" else egor).bye()
        await d.over(boris, egor)
        (record,) = await d.records(1)
        assert (record["disposition"], record["hung_up_by"]) == ("answered", "callee")

    tell(story)


@pytest.mark.parametrize("end", ["it is answered", "it is refused"])
def test_in_the_middle_of_a_transfer_it_rings_on_there_and_the_transferrer_is_let_go(tell: Tell, end: str) -> None:
    """Refused there, the call goes back to the transferrer's telephone."""

    async def story(d: Desk) -> None:
        d.people |= {"boris-desk": STAYS, "egor": RINGS}
        anna, boris = await d.two_talk("anna", "202", "boris-desk")
        boris.refer("206")
        egor = await d.rung("egor-desk")
        await d.until(lambda: 180 in boris.told, "it rings there")
        await d.kill_calls()
        await d.over(boris)
        if end == "it is answered":
            egor.final(200)
            await d.until(lambda: any(one.method == "ACK" for one in egor.got), "its answer is taken")
            last = egor
        else:
            egor.final(486)
            last = await d.rung("boris-desk", times=2)
            await d.up(last)
        assert anna.is_up
        last.bye()
        await d.over(anna)
        (record,) = await d.records(1)
        assert [one["status"] for one in record["facts"]["sent_on"]] == [200 if last is egor else 486]

    tell(story)


@pytest.mark.parametrize("end", ["it is taken", "it goes back"])
def test_a_parked_call_waits_on_in_its_slot(tell: Tell, end: str) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": STAYS}
        outside = d.call_in("74951000002")
        anna = await d.rung("anna-desk")
        await d.up(outside, anna)
        anna.refer("*683")
        await d.over(anna)
        await d.kill_calls()
        assert outside.is_up
        if end == "it is taken":
            await d.at("feature_code/park/3", times=2)  # it is in its slot again
            other = d.call("egor", "*693")
            await d.until(lambda: other.is_up or other.over.done(), "an answer")
            assert other.is_up, other.over
        else:
            other = await d.rung("anna-desk", times=2)  # type: ignore[assignment]
            await d.up(other)
        outside.bye()
        await d.over(other)
        record = (await d.records(2 if end == "it is taken" else 1))[0]
        (waited,) = record["facts"]["parked"]
        assert (waited["slot"], waited["by"]) == ("3", "anna") and waited["after"] > 0

    tell(story)
