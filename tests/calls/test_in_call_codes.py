"""Codes that are typed during a call, simulated: the same story as with a transfer key."""

from collections.abc import Callable

import pytest

from pbx.calls.simulated.world import Person, Told
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("R09")

CODES = 'feature_codes: {in_call_transfer: "*1", in_call_park: "*2", in_call_next: "*0"}\nparking: {timeout: 10s}\n'
TALKS = Person(answers=1.0, talks=60.0)

Office = Callable[..., Tenant]
Tell = Callable[..., Told]


def typing(digits: str) -> Person:
    return Person(answers=1.0, talks=60.0, presses=digits)


def rang(told: Told) -> list[str]:
    return [label for _, label in told.rang]


@pytest.mark.parametrize("digits", ["*1203", "*1203#"])
def test_whoever_answers_sends_the_caller_on(office: Office, tell: Tell, digits: str) -> None:
    told = tell(office(CODES, to="user/anna"), anna=typing(digits), vera=TALKS)
    assert rang(told) == ["device anna-desk", "device vera-desk"]
    assert told.hung_up[:1] == ["device anna-desk"] and told.record.path[-1] == "user/vera"


def test_nobody_answers_and_whoever_typed_has_the_caller_again(office: Office, tell: Tell) -> None:
    told = tell(office(CODES, to="user/anna"), anna=typing("*1203#"), vera=Person(status=486))
    assert "user/vera" in told.record.path and "back to device anna-desk" in " ".join(told.record.reasons)


def test_the_caller_waits_in_a_slot_and_goes_back(office: Office, tell: Tell) -> None:
    told = tell(office(CODES, to="user/anna"), anna=typing("*2"))
    assert rang(told)[:2] == ["device anna-desk", "device anna-desk"], "back after the time of the slot"
    assert told.record.path[:3] == ["number/+74951000100", "user/anna", "feature_code/park"]


def test_the_other_one_is_hung_up_and_whoever_typed_dials_anew(office: Office, tell: Tell) -> None:
    told = tell(office(CODES, to="user/anna"), "202", caller="201", keys="*0,203#", boris=TALKS, vera=TALKS)
    assert rang(told) == ["device boris-desk", "device vera-desk"] and told.record.path[-1] == "user/vera"
    assert told.hung_up[0] == "device boris-desk" and told.heard[0][1] == "beep"


@pytest.mark.parametrize("digits", ["203#", "*9203#", "*1", "*", "*1999#"])
def test_what_is_no_code_changes_nothing(office: Office, tell: Tell, digits: str) -> None:
    told = tell(office(CODES, to="user/anna"), anna=typing(digits), vera=TALKS)
    assert rang(told) == ["device anna-desk"]


def test_nothing_is_built_in(office: Office, tell: Tell) -> None:
    told = tell(office("", to="user/anna"), anna=typing("*1203#"), vera=TALKS)
    assert rang(told) == ["device anna-desk"]
