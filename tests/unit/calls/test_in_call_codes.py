"""Codes that are typed during a call, digit by digit."""

import pytest

from pbx.calls.in_call import Reader

CODES = {"in_call_transfer": "*1", "in_call_park": "*21", "in_call_next": "**"}


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("5", "passes"),
        ("#", "passes"),
        ("*", "waits"),
        ("*2", "waits"),
        ("*21", "in_call_park"),
        ("**", "in_call_next"),
        ("*3", "is over"),
        ("*2*", "is over"),
        ("*1", "waits"),
        ("*120", "waits"),
        ("*1202#", "in_call_transfer"),
    ],
)
def test_what_a_digit_means(typed: str, meant: str) -> None:
    reader = Reader(CODES)
    assert [reader.press(digit) for digit in typed][-1] == meant


def test_the_number_of_a_transfer_may_begin_with_a_star() -> None:
    reader = Reader(CODES)
    for digit in "*1*681":
        assert reader.press(digit) == "waits"
    assert reader.number == "*681"


def test_after_a_code_all_begins_anew() -> None:
    reader = Reader(CODES)
    for digit in "*1202#":
        reader.press(digit)
    reader.forget()
    assert reader.press("2") == "passes"
