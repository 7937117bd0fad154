"""Which number is shown outside, by what the tenant says (behaviour R06), simulated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from phones.scripted.simulation import house

from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.features.story import story
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("R06")

NOON = datetime(2026, 11, 9, 9, tzinfo=UTC)
OUTSIDE = "+79031112233"


def tell(dialled: str, caller: str | None = OUTSIDE, trunk: str | None = "digits", **more: object) -> Told:
    tenant: Tenant = replace(house().model.tenants["house"], **more)  # type: ignore[arg-type]
    return simulate(tenant, Script(NOON, caller, dialled, trunk, people={"digits": Person(answers=1.0)}), story)


@pytest.mark.parametrize(("policy", "caller", "shown"), [
    ("called", OUTSIDE, "+74951000033"),
    ("caller", OUTSIDE, OUTSIDE),
    ("caller", None, "+74951000033"),  # who hides the number: ours
])  # fmt: skip
def test_a_call_that_goes_on_outside_shows_what_the_tenant_says(policy: str, caller: str | None, shown: str) -> None:
    told = tell("+74951000033", caller, forwarded_shows=policy)
    assert told.shown == [("trunk digits", shown)]


@pytest.mark.parametrize("policy", ["called", "caller"])
def test_a_colleague_whose_call_goes_on_outside_shows_a_number_of_ours(policy: str) -> None:
    told = tell("213", "anna", None, forwarded_shows=policy)
    assert told.shown == [("trunk digits", "+74951000001")]


def test_who_has_no_number_shows_that_of_the_tenant() -> None:
    national = replace(house().model.tenants["house"].users["hugo"], forward={})
    users = {**house().model.tenants["house"].users, "hugo": national}
    assert tell("89161234567", "hugo", None, users=users).shown == [("trunk digits", "+74951000001")]
    own = tell("89161234567", "hugo", None, users=users, caller_id="+73431000001")
    assert own.shown == [("trunk digits", "+73431000001")]


def test_a_number_can_be_hidden_for_one_call_but_from_no_emergency() -> None:
    assert tell("*6789161234567", "anna", None).shown == [("trunk digits", None)]
    assert tell("*67112", "anna", None).shown == [("trunk digits", "+74951000001")]
    assert tell("*67202", "anna", None).shown[0] == ("device boris-desk", "201")
