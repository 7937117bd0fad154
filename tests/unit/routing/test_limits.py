"""How many calls may leave to the outside, by the minute and the day, of all, of a person and to dear numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from phones.scripted.simulation import house

from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.features.story import story
from pbx.model.objects import Tenant
from pbx.model.services import CallLimit, Limits
from pbx.routing.limits import Outgoing

pytestmark = pytest.mark.row("R06")

NOON = datetime(2026, 11, 9, 9, tzinfo=UTC)
NUMBER = "+79161234567"


def limited(**limits: object) -> Tenant:
    return replace(house().model.tenants["house"], limits=Limits(**limits))  # type: ignore[arg-type]


def test_a_minute_is_the_last_sixty_seconds() -> None:
    tenant, left = limited(outside=CallLimit(per_minute=2)), Outgoing()
    at = [NOON + timedelta(seconds=seconds) for seconds in (0, 30, 59, 60.5, 61, 90.5)]
    refused = [left.refused(tenant, NUMBER, "anna", moment) is not None for moment in at]
    assert refused == [False, False, True, False, True, False]  # what is refused does not count


def test_a_day_is_that_of_the_tenants_clock() -> None:
    tenant, left = limited(outside=CallLimit(per_day=1)), Outgoing()
    before_midnight = datetime(2026, 11, 9, 20, 59, tzinfo=UTC)  # 23:59 in Moscow
    assert left.refused(tenant, NUMBER, "anna", before_midnight) is None
    why = left.refused(tenant, NUMBER, "boris", before_midnight + timedelta(seconds=30))
    assert str(why) == "limit: 1 a day to the outside"
    assert left.refused(tenant, NUMBER, "boris", before_midnight + timedelta(minutes=2)) is None


def test_each_person_has_a_limit_of_their_own() -> None:
    tenant, left = limited(user=CallLimit(per_minute=1, per_day=2)), Outgoing()
    assert left.refused(tenant, NUMBER, "anna", NOON) is None
    assert str(left.refused(tenant, NUMBER, "anna", NOON)) == "limit: 1 a minute to the outside of user/anna"
    assert left.refused(tenant, NUMBER, "boris", NOON) is None
    assert left.refused(tenant, NUMBER, None, NOON) is None  # a ring group's mobile is nobody's
    assert left.refused(tenant, NUMBER, "anna", NOON + timedelta(minutes=2)) is None
    why = left.refused(tenant, NUMBER, "anna", NOON + timedelta(minutes=4))
    assert str(why) == "limit: 2 a day to the outside of user/anna"


def test_dear_numbers_have_one() -> None:
    tenant, left = limited(expensive=CallLimit(per_day=1), expensive_prefixes=("+7809", "+882")), Outgoing()
    assert left.refused(tenant, "+78091234567", "anna", NOON) is None
    assert str(left.refused(tenant, "+88212345678", "boris", NOON)) == "limit: 1 a day to expensive numbers"
    assert left.refused(tenant, NUMBER, "boris", NOON) is None


def test_what_one_limit_refuses_counts_for_no_other() -> None:
    tenant, left = limited(outside=CallLimit(per_day=2), user=CallLimit(per_day=1)), Outgoing()
    for _ in range(5):
        left.refused(tenant, NUMBER, "anna", NOON)
    assert left.refused(tenant, NUMBER, "boris", NOON) is None


def tell(tenant: Tenant, dialled: str, caller: str = "anna", trunk: str | None = None, **people: Person) -> Told:
    state = StateScript(left=[("anna", NUMBER)])
    return simulate(tenant, Script(NOON, caller, dialled, trunk, people=people, state=state), story)


ONE_A_DAY = {"outside": CallLimit(per_day=1)}


def test_a_caller_beyond_a_limit_hears_that_it_may_not_be() -> None:
    told = tell(limited(**ONE_A_DAY), "89161234567", digits=Person(answers=1.0))
    assert told.rang == [] and told.answer == 403
    assert [what for _, what in told.heard] == ["system-barred"]
    assert "+79161234567: limit: 1 a day to the outside" in told.record.reasons


@pytest.mark.row("R11")
def test_an_emergency_passes_every_limit() -> None:
    told = tell(limited(outside=CallLimit(1, 1), user=CallLimit(1, 1)), "112", digits=Person(answers=1.0))
    assert told.record.answered_by == "trunk digits"


@pytest.mark.row("R08")
def test_a_forwarding_is_no_way_around_a_limit() -> None:
    told = tell(limited(**ONE_A_DAY), "+74951000033", caller="+79031112233", trunk="digits", digits=Person(answers=1.0))
    assert told.record.path[-1] == "+79160000009" and told.rang == []
    assert told.record.disposition != "answered"
