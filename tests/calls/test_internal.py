"""Calls from desk to desk: answered by either side's will, busy, no answer, cancelled, not registered, unknown."""

from dataclasses import replace

import pytest

from pbx.calls.simulated.world import Person
from pbx.model.objects import Destination, RingGroup, Tenant


@pytest.mark.row("R05")
def test_answered_and_hung_up_by_the_callee(call) -> None:
    told = call("202", caller="201", petrova=Person(answers=3, talks=20))
    assert told.answer == 200
    assert told.record.path == ["user/petrova"]
    assert (told.record.disposition, told.record.hung_up_by) == ("answered", "callee")
    assert told.record.answered_by == "device petrova-desk"
    assert told.record.ended - told.record.started == 23_000


def test_hung_up_by_the_caller(call) -> None:
    told = call("202", caller="201", patience=10, petrova=Person(answers=3, talks=100))
    assert (told.record.disposition, told.record.hung_up_by) == ("answered", "caller")
    assert told.hung_up == ["device petrova-desk"]


def test_busy(call) -> None:
    told = call("202", caller="201", petrova=Person(status=486))
    assert (told.answer, told.record.disposition, told.record.code) == (486, "busy", 486)


@pytest.mark.row("R05")
def test_not_registered_is_480(call) -> None:
    told = call("202", caller="201")
    assert (told.answer, told.record.disposition) == (480, "no_answer")


def test_nobody_answers_for_half_a_minute(call) -> None:
    told = call("202", caller="201", petrova=Person())
    assert told.answer == 480
    assert told.record.ended - told.record.started == pytest.approx(30_000, abs=100)
    assert told.stopped == [(pytest.approx(30, abs=0.1), "device petrova-desk")]


def test_cancelled_by_the_caller(call) -> None:
    told = call("202", caller="201", patience=5, petrova=Person())
    assert (told.record.disposition, told.record.code) == ("cancelled", 487)
    assert told.record.path == ["user/petrova"]
    assert told.stopped == [(5, "device petrova-desk")]


def test_unknown_extension_is_404(call) -> None:
    told = call("299", caller="201")
    assert (told.answer, told.record.disposition) == (404, "failed")
    assert told.record.reasons == ["299 is no extension and no number that can be dialled"]


@pytest.mark.row("R01")
@pytest.mark.row("C06")
def test_the_record_bears_the_revision_that_decided(call, romashka: Tenant) -> None:
    told = call("202", caller="201", petrova=Person(answers=1))
    assert told.record.revision == romashka.revision != ""


def test_a_model_that_goes_in_circles_ends_with_482(call, romashka: Tenant) -> None:
    circle = RingGroup(
        "circle", members=(Destination("user", "petrova"),), on_no_answer=Destination("ring_group", "circle")
    )
    looping = replace(
        romashka,
        ring_groups={**romashka.ring_groups, "circle": circle},
        extensions={**romashka.extensions, "666": Destination("ring_group", "circle")},
    )
    told = call("666", caller="201", tenant=looping)
    assert told.answer == 482


@pytest.mark.row("R11")
def test_the_tenants_limit_refuses_and_an_emergency_passes(call) -> None:
    refused = call("202", caller="201", over_limit=True, petrova=Person(answers=1))
    assert (refused.answer, refused.rang) == (503, [])
    assert refused.record.reasons[-1] == "limit: more than max_calls 60"
    assert call("112", caller="201", over_limit=True, mtt=Person(answers=2)).answer == 200
