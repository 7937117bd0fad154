"""Which PINs of boxes are too easy (behaviour R12)."""

import pytest

from pbx.model import pins


@pytest.mark.row("R12")
@pytest.mark.parametrize(
    "pin",
    [
        "0000",
        "1111",
        "1234",
        "4321",
        "0123456789",
        "123",
        "abcd",
        "",
        "1" * 13,
        "2201",
        "1212",
        "123123",
        "2580",
        "1357",
    ],
)
def test_too_easy(pin: str) -> None:
    assert pins.weakness(pin, "2201", None)


@pytest.mark.row("R12")
@pytest.mark.parametrize("pin", ["7391", "1235", "1221", "2018", "864213579024"])
def test_good_enough(pin: str) -> None:
    assert pins.weakness(pin, "2201", None) == ""
