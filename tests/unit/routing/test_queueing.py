"""Who of a queue is offered a call next, by each of the seven words of `choose` (behaviour R04)."""

from random import Random

import pytest

from pbx.model.objects import Destination, Tenant, User
from pbx.model.services import Queue
from pbx.routing.queueing import Agent, offer, state_of

pytestmark = pytest.mark.row("R04")

END = Destination("hang_up")
SKILLS = {"a": {"sales": 10}, "b": {"sales": 90}, "c": {"sales": 50}, "d": {"cars": 90}}
PBX = Tenant("acme", "Acme", "acme.example", "RU", "7", "Europe/Moscow", ("ru-RU", "en-US"),
             users={name: User(name, skills=skills) for name, skills in SKILLS.items()})  # fmt: skip
AGENTS = [Agent("a", idle=10, calls=1), Agent("b", idle=30, calls=1), Agent("c", idle=20, calls=0), Agent("d", "busy")]


def queue(choose: str, *skills: str) -> Queue:
    return Queue("sales", ("a", "b", "c", "d"), END, END, END, choose=choose, skills=skills)


def order(choose: str, *skills: str, last: str | None = None) -> list[tuple[str, ...]]:
    """Offers of one round until nobody is left."""
    out: list[tuple[str, ...]] = []
    while True:
        asked = [name for names in out for name in names]
        now = offer(PBX, queue(choose, *skills), AGENTS, "ru-RU", asked=asked, last=last, random=Random(1)).agents
        if not now:
            return out
        out.append(now)


@pytest.mark.parametrize(("choose", "expected"), [
    ("ring_all", [("a", "b", "c")]),
    ("linear", [("a",), ("b",), ("c",)]),
    ("longest_idle", [("b",), ("c",), ("a",)]),
    ("fewest_calls", [("c",), ("b",), ("a",)]),
    ("round_robin", [("c",), ("a",), ("b",)]),
])  # fmt: skip
def test_the_order_of_offers(choose: str, expected: list[tuple[str, ...]]) -> None:
    assert order(choose, last="b") == expected


def test_skills_rank_and_exclude() -> None:
    assert order("skills", "sales") == [("b",), ("c",), ("a",)]
    assert order("linear", "cars") == []  # the only one is busy


def test_random_takes_everybody_once_and_the_same_draw_is_the_same_order() -> None:
    def turn(seed: int) -> tuple[str, ...]:
        return offer(PBX, queue("random"), AGENTS, "ru-RU", random=Random(seed)).agents

    assert {turn(seed) for seed in range(50)} == {("a",), ("b",), ("c",)}
    assert turn(7) == turn(7)


@pytest.mark.parametrize(("agents", "waiting", "state"), [
    (AGENTS, 0, "free"),
    (AGENTS, 50, "full"),
    ([Agent("a", "busy"), Agent("b", "logged_out")], 0, "busy"),
    ([Agent("a", "logged_out")], 0, "empty"),
    ([Agent("a", "paused"), Agent("b", "logged_out")], 0, "busy"),
])  # fmt: skip
def test_the_state_of_a_queue(agents: list[Agent], waiting: int, state: str) -> None:
    assert state_of(queue("linear"), agents, waiting) == state
