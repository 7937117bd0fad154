"""What lint says of conditions is true of the decisions of live calls: random flows, every caller and hour tried."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta

import pytest

from pbx.analysis import logic
from pbx.analysis.context import View
from pbx.analysis.rules import unreachable_rule
from pbx.model.folder import Folder
from pbx.model.objects import (
    AllOf,
    AnyOf,
    Between,
    CallerIs,
    CallerList,
    Closed,
    Condition,
    Destination,
    Flow,
    Hours,
    LanguageIs,
    Not,
    Number,
    NumberIs,
    Open,
    OpenRule,
    Schedule,
    Step,
    Tenant,
)
from pbx.routing import decide
from pbx.routing.condition import holds
from pbx.routing.decision import Facts

ALL_WEEK = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NUMBERS = ("+74951000100", "+74951000101")
TENANT = Tenant(
    id="acme",
    name="Acme",
    domain="acme.example",
    country="RU",
    calling_code="7",
    timezone="UTC",
    languages=("ru-RU", "en-US"),
    numbers={number: Number(number, Destination("flow", "main")) for number in NUMBERS},
    lists={
        "a": CallerList("a", frozenset({"+79990000001"}), ("+7495",)),
        "b": CallerList("b", frozenset({"+79990000001", "+79990000002"}), ("+749",), anonymous=True),
    },
    schedules={
        "day": Schedule("day", None, (OpenRule(ALL_WEEK, (Hours(time(9), time(18)),)),)),
        "night": Schedule("night", None, (OpenRule(ALL_WEEK, (Hours(time(17), time(9)),)),)),
    },
)
ATOMS: tuple[Condition, ...] = (
    CallerIs(lists=("a",)),
    CallerIs(lists=("b",)),
    CallerIs(numbers=frozenset({"+79990000001"})),
    CallerIs(prefixes=("+7",)),
    CallerIs(anonymous=True),
    NumberIs(frozenset(NUMBERS[:1])),
    NumberIs(frozenset(NUMBERS)),
    Open(("day",)),
    Closed(("day",)),
    Open(("day", "night")),
    Closed(("night", "day")),
    LanguageIs(frozenset({"ru-RU"})),
    LanguageIs(frozenset({"en-US"})),
    Between(date(2026, 1, 1), date(2026, 1, 3)),
    Between(date(2026, 1, 2), date(2026, 1, 2)),
)
EVERY_CALL = [
    Facts(at, caller, number, language)
    for at in (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=8 * hour + 1) for hour in range(12))
    for caller in (None, "+79990000001", "+79990000002", "+74950000000", "+74990000000", "+442079460999")
    for number in NUMBERS
    for language in TENANT.languages
]


def condition(chance: random.Random, depth: int = 2) -> Condition:
    kind = chance.randrange(6) if depth else 0
    if kind == 3:
        return Not(condition(chance, depth - 1))
    if kind > 3:
        parts = tuple(condition(chance, depth - 1) for _ in range(chance.randint(1, 3)))
        return AllOf(parts) if kind == 4 else AnyOf(parts)
    return chance.choice(ATOMS)


@pytest.mark.row("C04")
def test_what_follows_is_true_of_every_call() -> None:
    chance = random.Random(20261124)
    followed = 0
    for _ in range(400):
        one, other = condition(chance), condition(chance)
        first, second = logic.plain(TENANT, one), logic.plain(TENANT, other)
        if logic.implies(first, second):
            followed += 1
            for facts in EVERY_CALL:
                if holds(one, TENANT, facts)[0]:
                    assert holds(other, TENANT, facts)[0], (one, other, facts)
        if logic.never(first):
            assert not any(holds(one, TENANT, facts)[0] for facts in EVERY_CALL), one
    assert followed >= 15


def test_a_plain_condition_is_the_same_condition() -> None:
    chance = random.Random(1)
    for _ in range(100):
        one = condition(chance, 3)
        plain = logic.plain(TENANT, one)
        for facts in EVERY_CALL[::5]:
            assert holds(one, TENANT, facts)[0] == holds(plain, TENANT, facts)[0], (one, plain)


def test_a_step_that_is_told_unreachable_takes_no_call(tmp_path: object) -> None:
    chance = random.Random(7)
    told = 0
    for _ in range(60):
        steps = [Step(Destination("reject", str(600 + index)), condition(chance, 1)) for index in range(5)]
        flow = Flow("main", (*steps, Step(Destination("hang_up"))))
        view = View(TENANT, {}, Folder(tmp_path, "tenant"), None)  # type: ignore[arg-type]
        unreached = {int(each.pointer[11:-1]) for each in unreachable_rule._steps(view, flow)}
        told += len(unreached)
        taken = {(decide.flow(TENANT, flow, facts).next_step or 0) - 1 for facts in EVERY_CALL}
        assert not unreached & taken, (flow, unreached & taken)
    assert told >= 30


def test_conditions_in_conditions_cost_no_time() -> None:
    one: Condition = Open(("day",))
    other: Condition = Closed(("day",))
    for _ in range(30):
        one = AllOf((AnyOf((one, LanguageIs(frozenset({"ru-RU"})))), NumberIs(frozenset(NUMBERS[:1]))))
        other = AnyOf((AllOf((other, LanguageIs(frozenset({"en-US"})))), NumberIs(frozenset(NUMBERS[1:]))))
    assert not logic.implies(logic.plain(TENANT, one), logic.plain(TENANT, other))
