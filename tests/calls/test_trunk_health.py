"""Which trunks are down: what their carriers answer to OPTIONS, on virtual time (behaviour R07)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from pbx.calls.live.health import AGAIN, PATIENCE, TrunkHealth
from pbx.calls.simulated import clock
from pbx.model.objects import Trunk

pytestmark = pytest.mark.row("R07")

MTT = Trunk("mtt", "mtt", "sip:mtt.example", options_ping=30.0)
URAL = Trunk("ural", "ural", "sip:ural.example", options_ping=10.0)


class Carrier:
    """Answers with `status`, or not at all (None); notes when it was asked, and over which edge."""

    def __init__(self, status: int | None = 200) -> None:
        self.status = status
        self.asked: list[tuple[float, str, str]] = []

    def ask(self, edge: str, trunk: Trunk, done: Callable[[int], None]) -> None:
        loop = asyncio.get_running_loop()
        self.asked.append((loop.time(), edge, trunk.key))
        if self.status is not None:
            loop.call_later(0.01, done, self.status)
        else:
            loop.call_later(32.0, done, 408)  # as the transaction says at its end: too late


def over(story: Callable[[], Awaitable[None]]) -> None:
    clock.run(story())  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [None, 408, 500, 502, 503, 504])
def test_two_questions_in_vain_and_it_is_down(status: int | None) -> None:
    async def story() -> None:
        carrier = Carrier(status)
        health = TrunkHealth(["edge1"], carrier.ask)
        health.watch([MTT])
        await asyncio.sleep(PATIENCE + 1)
        assert not health.is_down("edge1", "mtt")
        await asyncio.sleep(PATIENCE + AGAIN)
        assert health.is_down("edge1", "mtt") and health.down() == ["mtt"]
        carrier.status = 200
        await asyncio.sleep(PATIENCE + AGAIN)
        assert not health.is_down("edge1", "mtt") and health.down() == []
        health.close()

    over(story)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 405, 480, 486, 501])
def test_whatever_else_it_says_it_is_there(status: int) -> None:
    async def story() -> None:
        carrier = Carrier(status)
        health = TrunkHealth(["edge1"], carrier.ask)
        health.watch([MTT])
        await asyncio.sleep(95)
        assert [round(when) for when, _, _ in carrier.asked] == [0, 30, 60, 90]
        assert health.down() == []
        health.close()

    over(story)


def test_each_edge_has_its_own_way() -> None:
    async def story() -> None:
        carrier = Carrier(None)
        there = Carrier(200)
        health = TrunkHealth(
            ["edge1", "edge2"], lambda edge, *rest: (there if edge == "edge1" else carrier).ask(edge, *rest)
        )
        health.watch([MTT])
        await asyncio.sleep(20)
        assert not health.is_down("edge1", "mtt") and health.is_down("edge2", "mtt")
        health.close()

    over(story)


def test_a_changed_model_keeps_what_is_known() -> None:
    async def story() -> None:
        carrier = Carrier(None)
        health = TrunkHealth(["edge1"], carrier.ask)
        health.watch([MTT, URAL])
        await asyncio.sleep(20)
        assert health.down() == ["mtt", "ural"]
        health.watch([MTT, replace(URAL, proxy="sip:elsewhere.example")])
        assert health.down() == ["mtt"]
        health.watch([replace(MTT, options_ping=None)])
        assert health.down() == []
        asked = len(carrier.asked)
        await asyncio.sleep(100)
        assert len(carrier.asked) == asked

    over(story)
