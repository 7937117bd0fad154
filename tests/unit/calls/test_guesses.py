"""Wrong PINs of rooms: whoever guesses is stopped, whoever is right is not locked out (R13)."""

import pytest

from pbx.calls.guesses import KNOWN, MOST, MOST_OF_ROOM, WITHIN, Guesses

pytestmark = pytest.mark.row("R13")


def test_a_caller_is_stopped_over_calls_and_nobody_else_is() -> None:
    guesses = Guesses()
    alarms = [guesses.wrong("board", "user/anna", outside=False, now=at) for at in range(MOST + 1)]
    assert alarms == [False] * (MOST - 1) + [True, False]
    assert guesses.are_too_many("board", "user/anna", outside=False, now=MOST)
    assert not guesses.are_too_many("board", "user/boris", outside=False, now=MOST)
    assert not guesses.are_too_many("other", "user/anna", outside=False, now=MOST)
    assert not guesses.are_too_many("board", "user/anna", outside=False, now=MOST + 1 + WITHIN)


def test_a_right_one_takes_the_wrong_ones_back() -> None:
    guesses = Guesses()
    for at in range(MOST - 1):
        guesses.wrong("board", "user/anna", outside=False, now=at)
    guesses.right("board", "user/anna")
    assert not guesses.wrong("board", "user/anna", outside=False, now=9)


@pytest.mark.parametrize("hidden", [False, True])
def test_another_number_for_each_call_helps_nobody_and_locks_out_neither_colleagues_nor_who_was_in(
    hidden: bool,
) -> None:
    guesses = Guesses()
    guesses.right("board", "+79160000001")
    alarms = [
        guesses.wrong("board", None if hidden else f"+7916{number:07}", outside=True, now=number)
        for number in range(100, 100 + MOST_OF_ROOM)
    ]
    assert alarms[-1] and not any(alarms[:-1])
    assert guesses.are_too_many("board", "+79169999999", outside=True, now=200)
    assert guesses.are_too_many("board", None, outside=True, now=200)
    assert not guesses.are_too_many("board", "+79160000001", outside=True, now=200)
    assert not guesses.are_too_many("board", "user/anna", outside=False, now=200)
    assert not guesses.are_too_many("other", "+79169999999", outside=True, now=200)


def test_it_stays_small() -> None:
    guesses = Guesses()
    for number in range(3 * KNOWN):
        guesses.wrong("board", str(number), outside=True, now=number)
        guesses.right("board", f"+{number}")
    assert len(guesses._of_caller) <= KNOWN and len(guesses._known["board"]) == KNOWN
