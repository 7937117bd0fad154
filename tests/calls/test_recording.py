"""Which calls are recorded, when it begins and ends, who is told of it before: simulated."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pbx.calls.simulated.world import Person, Told
from pbx.model.objects import Tenant

pytestmark = [pytest.mark.row("R17"), pytest.mark.row("R18")]

Office = Callable[..., Tenant]
Tell = Callable[..., Told]

TOLD = "recordings: {outside: {match: {direction: [inbound, outbound]}, announce: prompt/hello}}\n"
UNTOLD = "recordings: {all: {match: {}}}\n"
CODES = 'feature_codes: {in_call_record: "*3", in_call_pause: "*4"}\n'
WANTED = "recordings: {wanted: {match: {}, mode: on_demand}}\n"
TALKS = Person(answers=2.0, talks=20.0)


def states(told: Told) -> list[tuple[str, tuple[str, ...]]]:
    return [(state, policies) for _, state, policies in told.recorded]


def begins(told: Told) -> float:
    return next(second for second, state, _ in told.recorded if state == "on")


def why(told: Told) -> str:
    return " · ".join(told.record.reasons)


def typing(digits: str) -> Person:
    return Person(answers=2.0, talks=20.0, presses=digits)


def test_both_hear_the_announcement_and_then_each_other(office: Office, tell: Tell) -> None:
    told = tell(office(TOLD, to="user/anna"), anna=TALKS)
    assert states(told) == [("on", ("outside",))]
    assert [what for _, what in told.heard] == ["hello"]
    assert begins(told) >= told.heard[0][0] + 3.0, "it begins after the announcement"
    assert "recording/outside records it: the call is inbound" in why(told)
    assert told.record.facts["recorded"][0]["policy"] == "outside"


def test_a_menu_is_recorded_from_its_announcement_on_and_nobody_hears_it_twice(office: Office, tell: Tell) -> None:
    menu = TOLD + "announcements: {hi: {prompt: prompt/hours, hours: schedule/office, to: user/anna}}\n"
    told = tell(office(menu, to="announcement/hi"), anna=TALKS)
    assert [what for _, what in told.heard] == ["hello", "hours", "ringback"]
    assert states(told) == [("on", ("outside",))]


def test_whoever_is_called_outside_hears_it_too(office: Office, tell: Tell) -> None:
    told = tell(office(TOLD, to="user/anna"), "89161112233", caller="201", mtt=TALKS)
    assert states(told) == [("on", ("outside",))] and "the call is outbound" in why(told)
    assert [what for _, what in told.heard] == ["hello"]


def test_nothing_is_announced_where_no_policy_says_so(office: Office, tell: Tell) -> None:
    told = tell(office(UNTOLD, to="user/anna"), "202", caller="201", boris=TALKS)
    assert states(told) == [("on", ("all",))] and told.heard == []


@pytest.mark.parametrize(
    ("match", "is_recorded"),
    [
        ("direction: [inbound]", True),
        ("direction: [outbound, internal]", False),
        ('numbers: ["+74951000100"]', True),
        ('numbers: ["+74951000199"]', False),
        ('direction: [inbound], numbers: ["+74951000100"]', True),
    ],
)
def test_all_keys_of_a_policy_must_fit(office: Office, tell: Tell, match: str, is_recorded: bool) -> None:
    told = tell(office(f"recordings: {{all: {{match: {{{match}}}}}}}\n", to="user/anna"), anna=TALKS)
    assert bool(told.recorded) is is_recorded


def test_a_policy_without_match_is_for_rooms_and_records_no_call(office: Office, tell: Tell) -> None:
    assert not tell(office("recordings: {meetings: {retain: 30d}}\n", to="user/anna"), anna=TALKS).recorded


def test_a_number_of_ours_that_is_shown_counts(office: Office, tell: Tell) -> None:
    yaml = 'recordings: {all: {match: {numbers: ["+74951000100"]}}}\n'
    told = tell(office(yaml, to="user/anna"), "89161112233", caller="201", mtt=TALKS)
    assert states(told) == [("on", ("all",))]


def test_who_is_not_answered_is_not_recorded(office: Office, tell: Tell) -> None:
    assert not tell(office(UNTOLD, to="user/anna"), anna=Person(status=486)).recorded


def test_an_emergency_call_is_not_held_up(office: Office, tell: Tell) -> None:
    told = tell(office(TOLD, to="user/anna"), "112", caller="201", mtt=TALKS)
    assert not told.recorded and told.heard == []
    told = tell(office(UNTOLD, to="user/anna"), "112", caller="201", mtt=TALKS)
    assert states(told) == [("on", ("all",))]


def test_it_goes_on_through_a_transfer_and_whoever_comes_from_outside_is_told(office: Office, tell: Tell) -> None:
    sends = Person(answers=2.0, talks=60.0, transfers="+79161112233")
    told = tell(office(TOLD, to="user/anna"), anna=sends, mtt=TALKS)
    assert states(told) == [("on", ("outside",))]
    assert [what for _, what in told.heard if what == "hello"] == ["hello", "hello"]


def test_a_code_begins_it_and_ends_it(office: Office, tell: Tell) -> None:
    told = tell(office(CODES + WANTED, to="user/anna"), anna=typing("*3"))
    assert states(told) == [("on", ("wanted",))] and "recording started" in why(told)
    assert ("done" in [what for _, what in told.heard]) and told.record.disposition == "answered"
    told = tell(office(CODES + WANTED, to="user/anna"), "202", caller="201", keys="*3,*3", boris=TALKS)
    assert [state for state, _ in states(told)] == ["on", "stopped"]


def test_a_code_announces_what_its_policy_announces(office: Office, tell: Tell) -> None:
    yaml = CODES + WANTED.replace("on_demand", "on_demand, announce: prompt/hello")
    told = tell(office(yaml, to="user/anna"), anna=typing("*3"))
    assert [what for _, what in told.heard] == ["hello", "done"] and begins(told) >= told.heard[0][0] + 3.0


def test_a_code_pauses_what_is_recorded(office: Office, tell: Tell) -> None:
    told = tell(office(CODES + UNTOLD, to="user/anna"), "202", caller="201", keys="*4,*4", boris=TALKS)
    assert [state for state, _ in states(told)] == ["on", "paused", "on"]


@pytest.mark.parametrize("digits", ["*3", "*4"])
def test_what_no_policy_allows_is_refused(office: Office, tell: Tell, digits: str) -> None:
    told = tell(office(CODES, to="user/anna"), anna=typing(digits))
    assert not told.recorded and "no policy allows" in why(told)
    assert [what for _, what in told.heard] == ["refused"] and told.talk > 10


def test_what_is_always_recorded_is_not_ended_by_a_code(office: Office, tell: Tell) -> None:
    told = tell(office(CODES + UNTOLD, to="user/anna"), anna=typing("*3"))
    assert states(told) == [("on", ("all",))]
