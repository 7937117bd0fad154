"""Max-Breadth (RFC 5393): no more telephones ring at once than whoever called allows, and the rest is passed on."""

from __future__ import annotations

import pytest
from phones.scripted.desk import RINGS, Desk, Tell

pytestmark = pytest.mark.row("R03")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, {"anna-desk": None, "boris-desk": None, "boris-soft": None}),
        ("60", {"anna-desk": "20", "boris-desk": "20", "boris-soft": "20"}),
        ("2", {"anna-desk": "1", "boris-desk": "1"}),
        ("nonsense", {"anna-desk": None, "boris-desk": None, "boris-soft": None}),
    ],
)
def test_what_came_is_shared_out(tell: Tell, given: str | None, told: dict[str, str | None]) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": RINGS, "boris": RINGS}
        egor = d.call("egor", "640", [("Max-Breadth", given)] if given else [])
        legs = {device: await d.rung(device) for device in told}
        assert {device: leg.invite.get("Max-Breadth") or None for device, leg in legs.items() if leg.invite} == told
        egor.leave()
        await d.over(egor, *legs.values())
        assert d.was_rung("boris-soft") == ("boris-soft" in told)

    tell(story)


def test_none_at_all_rings_nobody(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": RINGS}
        egor = d.call("egor", "201", [("Max-Breadth", "0")])
        await d.over(egor)
        assert (egor.over.result(), d.was_rung("anna-desk")) == (440, 0)

    tell(story)


def test_in_turn_one_after_another_has_it(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        egor = d.call("egor", "641", [("Max-Breadth", "1")])  # anna and boris are not registered
        mobile = await d.rung("digits")
        assert mobile.invite is not None and mobile.invite["Max-Breadth"] == "1"
        egor.leave()
        await d.over(egor)

    tell(story)
