"""One form of one value in a language: what a slot of a prompt says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation

from pbx.speech.spoken import english, russian

KNOWN = ("ru", "en")  # languages with a grammar of their own; in any other a value is said as it is written


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is said: `name` of FORMS, the case and gender where a language has them, what is counted."""

    name: str
    case: str = ""
    gender: str = "m"
    nouns: tuple[str, ...] = ()
    year: bool = False


def chunks(language: str, form: Form, value: str) -> list[str]:
    """The pieces of the words. Raises ValueError: the value is none of the form, or the form is not of the language."""
    if form.name not in FORMS:
        raise ValueError(f"there is no form {form.name!r}; known are {', '.join(FORMS)}")
    family = language[:2]
    if family not in KNOWN:
        return [value]
    return FORMS[form.name](family == "ru", form, value)


def words(language: str, form: Form, value: str) -> str:
    """The same as text."""
    return " ".join(chunks(language, form, value))


def _number(is_russian: bool, form: Form, value: str) -> list[str]:
    if is_russian:
        return russian.cardinal(_whole(value), form.case or "nom", form.gender)
    return english.cardinal(_whole(value))


def _ordinal(is_russian: bool, form: Form, value: str) -> list[str]:
    if is_russian:
        return russian.ordinal(_whole(value), form.case or "nom", form.gender)
    return english.ordinal(_whole(value))


def _count(is_russian: bool, form: Form, value: str) -> list[str]:
    if is_russian:
        return russian.count(_whole(value), form.nouns, form.gender)
    return english.count(_whole(value), form.nouns)


def _time(is_russian: bool, form: Form, value: str) -> list[str]:
    try:
        at = None if value == "24:00" else time.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is no time; write 09:00") from None
    return russian.clock(at, form.case or "nom") if is_russian else english.clock(at)


def _date(is_russian: bool, form: Form, value: str) -> list[str]:
    try:
        on = date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is no date; write 2026-11-25") from None
    return russian.day(on, form.case or "gen", year=form.year) if is_russian else english.day(on, year=form.year)


def _money(is_russian: bool, form: Form, value: str) -> list[str]:
    amount, _, currency = value.partition(" ")
    try:
        total = Decimal(amount)
        if total < 0 or total != round(total, 2):
            raise InvalidOperation
    except InvalidOperation:
        raise ValueError(f"{amount} is no sum of money; write 1231.50") from None
    units, hundredths = divmod(int(total * 100), 100)
    return russian.money(units, hundredths, currency) if is_russian else english.money(units, hundredths, currency)


def _digits(is_russian: bool, form: Form, value: str) -> list[str]:
    digits = value.replace(" ", "")
    return russian.digits(digits) if is_russian else english.digits(digits)


def _phone(is_russian: bool, form: Form, value: str) -> list[str]:
    return russian.groups(value) if is_russian else english.groups(value)


def _whole(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"{value} is no whole number")
    return int(value)


FORMS: Mapping[str, Callable[[bool, Form, str], list[str]]] = {
    "number": _number,
    "ordinal": _ordinal,
    "count": _count,
    "time": _time,
    "date": _date,
    "money": _money,
    "digits": _digits,
    "phone": _phone,
}
