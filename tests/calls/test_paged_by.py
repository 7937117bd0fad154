"""Whose loudspeakers somebody may speak on, by paging and intercom (R09)."""

from collections.abc import Callable

import pytest

from pbx.calls.simulated.world import Person, Told
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("R09")

PEOPLE = """
emergency: {numbers: ["112"]}
locations: {main: {address: "Main street 1", emergency: {caller_id: "+74951000100", trunks: [trunk/mtt]}}}
users:
  anna: {location: location/main, extension: "201", devices: {desk: {type: desk_phone}}}
  boris: {location: location/main, extension: "202", devices: {desk: {type: desk_phone}}, paged_by: [ring_group/desk]}
  vera: {location: location/main, extension: "203", devices: {desk: {type: desk_phone}}, paged_by: []}
  egor: {location: location/main, extension: "204", devices: {desk: {type: desk_phone}}}
"""
GROUPS = """
ring_groups:
  all: {extension: "600", members: [user/boris, user/vera, user/egor], on_no_answer: {hang_up: true}}
  desk: {members: [user/anna], on_no_answer: {hang_up: true}}
"""
TALKS = Person(answers=1.0, talks=5.0)


@pytest.mark.parametrize(
    ("caller", "dialled", "rung", "status"),
    [
        ("201", "*81600", ["boris", "egor"], 200),
        ("204", "*81600", [], 403),
        ("203", "*81600", ["egor"], 200),
        ("201", "*80202", ["boris"], 200),
        ("204", "*80202", [], 403),
        ("201", "*80203", [], 403),
        ("204", "*80201", ["anna"], 200),
    ],
)
def test_who_is_not_among_those_named_is_refused(
    caller: str, dialled: str, rung: list[str], status: int, office: Callable[..., Tenant], tell: Callable[..., Told]
) -> None:
    tenant = office(GROUPS, to="user/anna", people=PEOPLE)
    told = tell(tenant, dialled, caller=caller, anna=TALKS, boris=TALKS, vera=TALKS, egor=TALKS)
    assert [label for _, label in told.rang] == [f"device {name}-desk" for name in rung]
    assert told.answer == status
