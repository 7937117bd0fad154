"""Calls from outside: the flow by hours and caller, the menu by keys, groups at once and in order."""

import pytest
from calls.conftest import MONDAY_NOON, SUNDAY

from pbx.calls.simulated.world import Person

MAIN = "+74951000100"


@pytest.mark.row("R01")
@pytest.mark.row("R15")
def test_key_1_rings_the_office_at_once(call) -> None:
    told = call(MAIN, keys="1", petrova=Person(answers=5), ivanov=Person())
    assert told.record.path == [
        f"number/{MAIN}",
        "flow/main",
        "ivr/main",
        "ring_group/office",
        "user/petrova",
    ]
    assert told.record.disposition == "answered"
    assert told.record.number == MAIN


@pytest.mark.row("R03")
def test_simultaneous_members_ring_within_200_ms_and_losers_are_cancelled(call) -> None:
    told = call(MAIN, keys="1", petrova=Person(answers=5), ivanov_desk=Person())
    ringing = {label: second for second, label in told.rang}
    assert abs(ringing["device petrova-desk"] - ringing["device ivanov-desk"]) <= 0.2
    assert [label for _, label in told.stopped] == ["device ivanov-desk"]


@pytest.mark.row("R02")
def test_sequential_rings_one_at_a_time_in_order(call) -> None:
    told = call(MAIN, keys="2", sidorov=Person(), mtt=Person(answers=4, presses="1"))
    (first, sidorov), (second, outside) = told.rang
    assert (sidorov, outside) == ("device sidorov-desk", "trunk mtt")
    assert second - first == pytest.approx(15, abs=0.1)
    assert told.stopped[0] == (pytest.approx(second, abs=0.05), "device sidorov-desk")
    assert told.record.path[-2:] == ["ring_group/ekb", "+79220000002"]


@pytest.mark.row("R02")
@pytest.mark.parametrize("status", [480, 486, 603])
def test_sequential_moves_on_at_once(call, status: int) -> None:
    told = call(MAIN, keys="2", sidorov=Person(status=status), mtt=Person(answers=4, presses="1"))
    (first, _), (second, _) = told.rang
    assert second - first < 0.5


@pytest.mark.row("R08")
def test_a_mobile_that_does_not_press_1_never_takes_the_call(call) -> None:
    told = call(MAIN, keys="2", sidorov=Person(status=480), mtt=Person(answers=4, talks=300), petrova=Person(answers=3))
    assert told.record.path[-3:] == ["ring_group/ekb", "ring_group/office", "user/petrova"]
    assert any("did not confirm" in reason for reason in told.record.reasons)


@pytest.mark.row("R22")
@pytest.mark.parametrize(
    ("at", "open_"),
    [
        (MONDAY_NOON, True),
        ("2026-11-09T08:59:59+03:00", False),
        ("2026-11-09T09:00+03:00", True),
        ("2026-11-09T17:59:59+03:00", True),
        ("2026-11-09T18:00+03:00", False),
        (SUNDAY, False),
        ("2026-11-07T17:30+03:00", True),  # a Saturday that is worked as a Friday
        ("2026-01-03T12:00+03:00", False),  # New Year
        ("2026-04-30T16:59+03:00", True),  # a short day
        ("2026-04-30T17:00+03:00", False),
        ("2026-11-09T14:00+05:00", True),  # noon in Moscow
    ],
)
def test_hours_decide(call, at: str, open_: bool) -> None:
    told = call(MAIN, at=at, patience=2)
    assert ("ivr/main" in told.record.path) is open_
    assert ("announcement/closed" in told.record.path) is not open_


@pytest.mark.row("R19")
def test_closed_announcement_is_played_then_hung_up(call) -> None:
    told = call(MAIN, at=SUNDAY)
    assert [what for _, what in told.heard] == ["closed"]
    assert told.record.path == [f"number/{MAIN}", "flow/main", "announcement/closed", "hang_up"]
    assert (told.record.disposition, told.record.hung_up_by) == ("answered", "pbx")


@pytest.mark.row("R22")
@pytest.mark.parametrize("caller", ["+79990000000", None])
def test_blocked_and_hidden_callers_are_declined(call, caller: str | None) -> None:
    told = call(MAIN, caller=caller)
    assert told.answer == 603
    assert told.record.answered is None


@pytest.mark.row("R15")
def test_a_wrong_key_is_told_and_asked_again_then_on_invalid(call) -> None:
    told = call(MAIN, keys="7,7", petrova=Person(answers=1))
    assert [what for _, what in told.heard] == ["welcome", "system-invalid"] * 2 + ["ringback"]
    assert told.record.path[-2:] == ["ring_group/office", "user/petrova"]


@pytest.mark.row("R15")
def test_no_key_goes_to_on_timeout(call) -> None:
    told = call(MAIN, petrova=Person(answers=1))
    assert [what for _, what in told.heard] == ["welcome"] * 2 + ["ringback"]
    assert told.record.path[-2:] == ["ring_group/office", "user/petrova"]


@pytest.mark.row("R15")
def test_direct_dial_of_an_extension(call) -> None:
    told = call(MAIN, keys="202", petrova=Person(answers=1))
    assert told.record.path[-2:] == ["ivr/main", "user/petrova"]


@pytest.mark.row("R15")
def test_key_2_waits_for_a_longer_extension_first(call) -> None:
    told = call(MAIN, keys="2", sidorov=Person(answers=1))
    assert "ring_group/ekb" in told.record.path
    ((rang, _),) = told.rang
    assert rang == pytest.approx(0.5 + 3.0, abs=0.1)  # typed at 0.5 s, digit_timeout 3 s


@pytest.mark.row("R19")
def test_key_9_changes_the_language(call) -> None:
    told = call(MAIN, keys="9", petrova=Person(answers=1))
    assert told.record.path[-2:] == ["ring_group/office", "user/petrova"]


@pytest.mark.row("R23")
def test_a_number_of_nobody_is_404(call) -> None:
    told = call("+74959999999")
    assert told.answer == 404
    assert told.record.reasons == ["+74959999999 is not a number of romashka"]


def test_from_a_trunk_that_the_tenant_does_not_use_404(call) -> None:
    assert call(MAIN, trunk="stranger").answer == 404


def test_over_another_trunk_of_the_tenant_it_is_taken_and_noted(call) -> None:
    told = call(MAIN, trunk="ural", at=SUNDAY)
    assert told.answer == 200
    assert "expected over trunk/mtt, came over ural: taken" in told.record.reasons
