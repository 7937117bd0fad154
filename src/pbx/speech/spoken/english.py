"""English of the United States: cardinals, ordinals, what is counted, clock times, dates, money, digits."""

from __future__ import annotations

from datetime import date, time

Chunks = list[str]
LARGEST = 999_999_999_999

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GREAT = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONEY = {
    "USD": (("dollar", "dollars"), ("cent", "cents")),
    "EUR": (("euro", "euros"), ("cent", "cents")),
    "GBP": (("pound", "pounds"), ("penny", "pence")),
    "RUB": (("ruble", "rubles"), ("kopeck", "kopecks")),
    "KZT": (("tenge", "tenge"), ("tiyn", "tiyn")),
    "BYN": (("Belarusian ruble", "Belarusian rubles"), ("kopeck", "kopecks")),
}
CURRENCIES = tuple(_MONEY)


def cardinal(number: int) -> Chunks:
    """`1231` → one thousand two hundred thirty-one. Raises ValueError."""
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} is out of range: 0 to {LARGEST}")
    out: Chunks = []
    rest = number
    for size, name in _GREAT:
        count_, rest = divmod(rest, size)
        if count_:
            out += [*_hundreds(count_), name]
    return out + _hundreds(rest) if rest or not out else out


def ordinal(number: int) -> Chunks:
    """`23` → twenty-third. Raises ValueError."""
    *before, last = cardinal(number)
    head, dash, word = last.rpartition("-")
    return [*before, head + dash + _nth(word)]


def count(number: int, nouns: tuple[str, ...]) -> Chunks:
    """A number with what is counted; `nouns` for one and for more: minute, minutes."""
    if len(nouns) != 2:
        raise ValueError("English counts in two forms: {count: minute|minutes}")
    return [*cardinal(number), nouns[0] if number == 1 else nouns[1]]


def clock(at: time | None) -> Chunks:
    """Twelve hours: nine a.m., half past is nine thirty a.m.; None is the end of the day."""
    if at is None or (at.hour, at.minute) == (0, 0):
        return ["midnight"]
    if (at.hour, at.minute) == (12, 0):
        return ["noon"]
    half = "a.m." if at.hour < 12 else "p.m."
    hour = _below_hundred((at.hour - 1) % 12 + 1)
    if at.minute == 0:
        return [hour, half]
    return [hour, f"oh {_below_hundred(at.minute)}" if at.minute < 10 else _below_hundred(at.minute), half]


def day(on: date, *, year: bool = False) -> Chunks:
    """`25 November` → November twenty-fifth."""
    out = [MONTHS[on.month - 1], *ordinal(on.day)]
    return [*out, *year_of(on.year)] if year else out


def year_of(year: int) -> Chunks:
    """`2026` → twenty twenty-six, `2005` → two thousand five, `1905` → nineteen oh-five, `1900` → nineteen hundred."""
    century, rest = divmod(year, 100)
    if not 1000 <= year <= 9999 or (century % 10 == 0 and rest < 10):
        return cardinal(year)
    if rest == 0:
        return [_below_hundred(century), "hundred"]
    return [_below_hundred(century), f"oh-{_SMALL[rest]}" if rest < 10 else _below_hundred(rest)]


def money(units: int, hundredths: int, currency: str) -> Chunks:
    """`1231, 50, USD` → one thousand two hundred thirty-one dollars and fifty cents. Raises ValueError."""
    if currency not in _MONEY:
        raise ValueError(f"how {currency} is said is not known; known are {', '.join(_MONEY)}")
    whole, part = _MONEY[currency]
    out = count(units, whole) if units or not hundredths else []
    return [*out, *(["and"] if out and hundredths else []), *(count(hundredths, part) if hundredths else [])]


def digits(number: str) -> Chunks:
    """One by one."""
    return [_SMALL[int(each)] if each.isdigit() else _sign(each) for each in number]


def groups(number: str) -> Chunks:
    """A telephone number digit by digit: that is how it is read out."""
    if not number.removeprefix("+").isdigit():
        raise ValueError(f"{number} is no telephone number")
    return digits(number)


def _sign(sign: str) -> str:
    names = {"*": "star", "#": "pound", "+": "plus"}
    if sign not in names:
        raise ValueError(f"{sign!r} is no digit")
    return names[sign]


def _hundreds(number: int) -> Chunks:
    hundreds, rest = divmod(number, 100)
    out = [f"{_SMALL[hundreds]} hundred"] if hundreds else []
    return [*out, _below_hundred(rest)] if rest or not hundreds else out


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    tens, unit = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[unit]}" if unit else "")


def _nth(word: str) -> str:
    head, space, last = word.rpartition(" ")  # one hundred → one hundredth
    if last in _ORDINALS:
        nth = _ORDINALS[last]
    elif last.endswith("y"):
        nth = last.removesuffix("y") + "ieth"
    else:
        nth = f"{last}th"
    return head + space + nth
