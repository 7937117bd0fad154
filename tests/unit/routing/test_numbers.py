"""Numbers: what people dial and what trunks write, to E.164 and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx.model.objects import Tenant
from pbx.routing.numbers import dialled_to_e164, received_to_e164, sent_to_trunk

RU = Tenant(
    "t", "T", "t.example", "RU", "7", "Europe/Moscow", ("ru-RU",), national_prefix="8", international_prefix="810"
)
DE = Tenant("t", "T", "t.example", "DE", "49", "Europe/Berlin", ("de-DE",))


@pytest.mark.row("R06")
@pytest.mark.parametrize(
    ("tenant", "dialled", "number"),
    [
        (RU, "84951000100", "+74951000100"),
        (RU, "8 (495) 100-01-00", "+74951000100"),
        (RU, "+74951000100", "+74951000100"),
        (RU, "810441234567890", "+441234567890"),
        (DE, "0301234567", "+49301234567"),
        (DE, "00441234567890", "+441234567890"),
        (RU, "74951000100", None),  # neither prefix: a person did not dial a number
        (RU, "8", None),
        (RU, "+", None),
        (RU, "+0123456789", None),
        (RU, "+1234567890123456", None),
        (RU, "ivanov", None),
        (RU, "*97", None),
        (RU, "+7٤٩٥١٠٠٠١٠٠", None),  # other digits than 0-9
        (RU, "", None),
    ],
)
def test_dialled(tenant: Tenant, dialled: str, number: str | None) -> None:
    assert dialled_to_e164(tenant, dialled) == number


@pytest.mark.parametrize(
    ("form", "user", "number"),
    [
        ("e164_plus", "+74951000100", "+74951000100"),
        ("e164_digits", "74951000100", "+74951000100"),
        ("national", "84951000100", "+74951000100"),
        ("national", "4951000100", "+74951000100"),
        ("e164_digits", "anonymous", None),
    ],
)
def test_received(form: str, user: str, number: str | None) -> None:
    assert received_to_e164("7", "8", user, form) == number


def test_a_foreign_number_in_national_format_gets_the_international_prefix() -> None:
    assert sent_to_trunk(RU, "+441234567890", "national") == "810441234567890"


@settings(derandomize=True)
@given(
    digits=st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True),
    form=st.sampled_from(["e164_plus", "e164_digits", "national"]),
)
def test_sent_then_dialled_or_received_comes_back(digits: str, form: str) -> None:
    number = "+" + digits
    sent = sent_to_trunk(RU, number, form)
    back = dialled_to_e164(RU, sent) if form == "national" else received_to_e164("7", "8", sent, form)
    if form == "national" and (number.startswith("+710") or (len(digits) == 15 and sent.startswith("810"))):
        return  # Russia's 8 10… is its international prefix: national numbers that begin with 10 do not exist
    assert back == number
