"""Calls to the outside: routes with failover, class of service, caller id, emergency."""

from dataclasses import replace

import pytest

from pbx.calls.simulated.world import Person
from pbx.model.objects import Tenant
from pbx.store.journal import encode


@pytest.mark.row("R06")
def test_out_with_the_own_number(call) -> None:
    told = call("84957654321", caller="201", mtt=Person(answers=4))
    assert told.record.path == ["+74957654321", "trunk/mtt"]
    assert told.shown == [("trunk mtt", "+74951000100")]
    assert told.record.direction == "outbound"


@pytest.mark.row("R07")
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_fails_over_to_the_next_trunk(call, status: int) -> None:
    told = call("84957654321", caller="201", mtt=Person(status=status), ural=Person(answers=2))
    assert [label for _, label in told.rang] == ["trunk mtt", "trunk ural"]
    assert told.record.path[-1] == "trunk/ural"
    assert any(f"trunk mtt {status}" in reason for reason in told.record.reasons)


@pytest.mark.row("R07")
@pytest.mark.parametrize("status", [404, 484, 486, 603])
def test_never_fails_over_on_the_callees_own_answer(call, status: int) -> None:
    told = call("84957654321", caller="201", mtt=Person(status=status), ural=Person(answers=2))
    assert [label for _, label in told.rang] == ["trunk mtt"]
    assert told.answer == status


@pytest.mark.row("R07")
def test_no_route_is_404_and_all_busy_503(call) -> None:
    assert call("81012125550100", caller="301", mtt=Person(answers=1)).answer == 403  # international is barred first
    busy = Person(status=503)
    assert call("84957654321", caller="201", mtt=busy, ural=busy).answer == 503


@pytest.mark.row("R06")
def test_barred_hears_why_and_gets_403_unanswered(call) -> None:
    told = call("81012125550100", caller="201", mtt=Person(answers=1))
    assert told.answer == 403
    assert [what for _, what in told.heard] == ["system-barred"]
    assert (told.record.disposition, told.record.answered) == ("rejected", None)


@pytest.mark.row("R11")
def test_emergency_leaves_by_the_callers_location(call) -> None:
    told = call("112", caller="301", ural=Person(answers=1))
    assert told.record.path == ["emergency/112", "trunk/ural"]
    assert told.shown == [("trunk ural", "+73431000112")]
    told = call("112", caller="201", mtt=Person(answers=1))
    assert told.shown == [("trunk mtt", "+74951000112")]


@pytest.mark.row("R11")
def test_emergency_passes_a_class_of_service_that_bars_everything(call, romashka: Tenant) -> None:
    barred = replace(romashka.users["ivanov"], class_of_service="internal")
    tenant = replace(romashka, users={**romashka.users, "ivanov": barred})
    assert call("112", caller="201", tenant=tenant, mtt=Person(answers=1)).answer == 200
    assert call("84957654321", caller="201", tenant=tenant, mtt=Person(answers=1)).answer == 403


@pytest.mark.row("R05")
def test_the_outside_mobile_rings_after_its_delay_and_must_confirm(call) -> None:
    told = call("201", caller="202", ivanov_desk=Person(), mtt=Person(answers=5, presses="1"))
    ringing = {label: second for second, label in told.rang}
    assert ringing["trunk mtt"] - ringing["device ivanov-desk"] == pytest.approx(10, abs=0.1)
    assert told.record.answered_by == "trunk mtt"
    assert told.record.path == ["user/ivanov"]


def test_our_own_number_dialled_from_inside_stays_inside(call) -> None:
    told = call("84951000112", caller="301", petrova=Person(answers=1))
    assert told.record.path == ["number/+74951000112", "ring_group/office", "user/petrova"]


def test_words_of_a_peer_that_are_no_text_reach_the_journal(call) -> None:
    told = call("84957654321", caller="201", mtt=Person(status=486, reason="Besetzt \udcfc"))
    assert any("Besetzt ?" in reason for reason in told.record.reasons)
    assert encode(told.record.document())
