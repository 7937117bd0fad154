"""Russian: cardinals and ordinals by case and gender, what is counted, clock times, dates, money, digits.

Cases are `nom gen dat acc ins pre`, genders `m f n`; what is counted is not alive (`вижу два стола`).
"""

from __future__ import annotations

from datetime import date, time

Chunks = list[str]
CASES = ("nom", "gen", "dat", "acc", "ins", "pre")
GENDERS = ("m", "f", "n")
LARGEST = 999_999_999_999

_ONE = {
    "m": "один одного одному один одним одном",
    "f": "одна одной одной одну одной одной",
    "n": "одно одного одному одно одним одном",
}
_TWO = {
    "m": "два двух двум два двумя двух",
    "f": "две двух двум две двумя двух",
    "n": "два двух двум два двумя двух",
}
_SMALL = {
    0: "ноль ноля нолю ноль нолём ноле",
    3: "три трёх трём три тремя трёх",
    4: "четыре четырёх четырём четыре четырьмя четырёх",
    8: "восемь восьми восьми восемь восемью восьми",
    40: "сорок сорока сорока сорок сорока сорока",
    90: "девяносто девяноста девяноста девяносто девяноста девяноста",
    100: "сто ста ста сто ста ста",
    200: "двести двухсот двумстам двести двумястами двухстах",
    300: "триста трёхсот трёмстам триста тремястами трёхстах",
    400: "четыреста четырёхсот четырёмстам четыреста четырьмястами четырёхстах",
}
_TEENS = ("один", "две", "три", "четыр", "пят", "шест", "сем", "восем", "девят")
_SOFT = {5: "пять", 6: "шесть", 7: "семь", 9: "девять", 10: "десять", 20: "двадцать", 30: "тридцать"} | {
    11 + at: f"{stem}надцать" for at, stem in enumerate(_TEENS)
}
_FIFTIES = {50: 5, 60: 6, 70: 7, 80: 8}  # both halves are declined: пятидесяти, пятьюдесятью
_GREAT = {  # one, few, then the six cases of the plural
    1_000: ("f", "тысяча тысячи тысяче тысячу тысячей тысяче", "тысячи", "тысяч тысяч тысячам тысяч тысячами тысячах"),
    1_000_000: (
        "m",
        "миллион миллиона миллиону миллион миллионом миллионе",
        "миллиона",
        "миллионов миллионов миллионам миллионов миллионами миллионах",
    ),
    1_000_000_000: (
        "m",
        "миллиард миллиарда миллиарду миллиард миллиардом миллиарде",
        "миллиарда",
        "миллиардов миллиардов миллиардам миллиардов миллиардами миллиардах",
    ),
}
_ORDINALS = {
    0: "нулев", 1: "перв", 2: "втор", 3: "трет", 4: "четвёрт", 5: "пят", 6: "шест", 7: "седьм", 8: "восьм", 9: "девят",
    10: "десят", 20: "двадцат", 30: "тридцат", 40: "сороков", 50: "пятидесят", 60: "шестидесят", 70: "семидесят",
    80: "восьмидесят", 90: "девяност", 100: "сот", 200: "двухсот", 300: "трёхсот", 400: "четырёхсот", 500: "пятисот",
    600: "шестисот", 700: "семисот", 800: "восьмисот", 900: "девятисот", 1_000: "тысячн", 1_000_000: "миллионн",
}  # fmt: skip
_STRESSED = (0, 2, 6, 7, 8, 40)  # втор-ой, not втор-ый
_ENDINGS = {
    "m": ["ый", "ого", "ому", "ый", "ым", "ом"],
    "f": ["ая", "ой", "ой", "ую", "ой", "ой"],
    "n": ["ое", "ого", "ому", "ое", "ым", "ом"],
}
_THIRD = {
    "m": ["третий", "третьего", "третьему", "третий", "третьим", "третьем"],
    "f": ["третья", "третьей", "третьей", "третью", "третьей", "третьей"],
    "n": ["третье", "третьего", "третьему", "третье", "третьим", "третьем"],
}
MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября",
    "декабря",
)  # fmt: skip
_YEAR = ["год", "года", "году", "год", "годом", "году"]
_MONEY = {
    "RUB": (("m", "рубль рубля рублей"), ("f", "копейка копейки копеек")),
    "BYN": (("m", "рубль рубля рублей"), ("f", "копейка копейки копеек")),
    "USD": (("m", "доллар доллара долларов"), ("m", "цент цента центов")),
    "EUR": (("n", "евро евро евро"), ("m", "цент цента центов")),
    "KZT": (("m", "тенге тенге тенге"), ("m", "тиын тиына тиынов")),
}
CURRENCIES = tuple(_MONEY)


def cardinal(number: int, case: str = "nom", gender: str = "m") -> Chunks:
    """`21 f gen` → двадцати одной. Raises ValueError."""
    _in_range(number)
    out: Chunks = []
    rest = number
    for size in sorted(_GREAT, reverse=True):
        count, rest = divmod(rest, size)
        if count:
            of_size, one, few, many = _GREAT[size]
            name = _counted(count, case, one.split()[_at(case)], few, many.split()[_at(case)])
            out += [*([] if count == 1 else _hundreds(count, case, of_size)), name]
    if rest or not out:
        out += _hundreds(rest, case, gender)
    return out


def ordinal(number: int, case: str = "nom", gender: str = "m") -> Chunks:
    """`3 f gen` → третьей; only the last word is an ordinal: двадцать пятого. Raises ValueError."""
    _in_range(number)
    for size in (1_000_000, 1_000):
        if number and number % size == 0:
            count = number // size
            if count == 1:
                return [_ending(size, case, gender)]
            if count > 999:
                raise ValueError(f"{number} is too large for an ordinal")
            words = " ".join(_hundreds(count, "gen", "m")).split()
            joined = "".join(_joined(word) for word in words)
            return [joined + _ending(size, case, gender)]
    head, last = number - number % 100, number % 100
    if last == 0 and number:
        head, last = number - number % 1000, number % 1000
    before = [] if head == 0 else cardinal(head)
    if last < 21 or last % 10 == 0:
        return [*before, _ending(last, case, gender)]
    return [*before, f"{_word(last - last % 10, 'nom', 'm')} {_ending(last % 10, case, gender)}"]


def count(number: int, nouns: tuple[str, ...], gender: str = "m") -> Chunks:
    """A number with what is counted; `nouns` for one, few, many: минута, минуты, минут."""
    if len(nouns) != 3:
        raise ValueError("Russian counts in three forms: {count: минута|минуты|минут}")
    return [*cardinal(number, "nom", gender), _counted(number, "nom", *nouns)]


def clock(at: time | None, case: str = "nom") -> Chunks:
    """Short, as in `с девяти до восемнадцати`; None is the end of the day."""
    if at is None or (at.hour == 0 and at.minute == 0):
        return ["полночь" if case in ("nom", "acc") else "полночью" if case == "ins" else "полуночи"]
    hour = ["час", "часа", "часу", "час", "часом", "часе"][_at(case)] if at.hour == 1 else _word(at.hour, case, "m")
    if at.minute == 0:
        return [hour] if case != "nom" or at.hour == 1 else [hour, _counted(at.hour, "nom", "час", "часа", "часов")]
    if at.minute < 10:
        return [hour, f"ноль {_word(at.minute, 'nom', 'm')}"]
    return [hour, _word(at.minute, case, "f")]


def day(on: date, case: str = "gen", *, year: bool = False) -> Chunks:
    """`25 ноября` is двадцать пятого ноября: what happens on a day; `nom`: двадцать пятое."""
    out = [*ordinal(on.day, case, "n"), MONTHS[on.month - 1]]
    return [*out, *ordinal(on.year, "gen", "m"), _YEAR[1]] if year else out


def money(units: int, hundredths: int, currency: str) -> Chunks:
    """`1231, 50, RUB` → одна тысяча двести тридцать один рубль пятьдесят копеек. Raises ValueError."""
    if currency not in _MONEY:
        raise ValueError(f"how {currency} is said is not known; known are {', '.join(_MONEY)}")
    whole, part = ((gender, tuple(nouns.split())) for gender, nouns in _MONEY[currency])
    out = count(units, whole[1], whole[0]) if units or not hundredths else []
    return [*out, *(count(hundredths, part[1], part[0]) if hundredths else [])]


def digits(number: str) -> Chunks:
    """One by one."""
    return [_word(int(each), "nom", "m") if each.isdigit() else _sign(each) for each in number]


def groups(number: str) -> Chunks:
    """A telephone number as it is read out: +7, 495, 100, 01, 00."""
    plus, bare = number.startswith("+"), number.removeprefix("+")
    if not bare.isdigit():
        raise ValueError(f"{number} is no telephone number")
    head, tail = (bare[:-10], bare[-10:]) if len(bare) > 10 else ("", bare)
    sizes = {10: (3, 3, 2, 2), 7: (3, 2, 2), 6: (2, 2, 2), 5: (1, 2, 2), 4: (2, 2)}.get(len(tail))
    out = ["плюс"] if plus else []
    out += _grouped(head) if len(head) < 4 else digits(head)
    if sizes is None:
        return [*out, *(_grouped(tail) if len(tail) < 4 else digits(tail))]
    for size in sizes:
        out += _grouped(tail[:size])
        tail = tail[size:]
    return out


def _grouped(group: str) -> Chunks:
    """A group with its leading zeros: 01 → ноль один, 100 → сто."""
    bare = group.lstrip("0")
    return [*digits("0" * (len(group) - len(bare))), *(cardinal(int(bare)) if bare else [])]


def _sign(sign: str) -> str:
    names = {"*": "звёздочка", "#": "решётка", "+": "плюс"}
    if sign not in names:
        raise ValueError(f"{sign!r} is no digit")
    return names[sign]


def _hundreds(number: int, case: str, gender: str) -> Chunks:
    """Below a thousand; the part below a hundred is one chunk."""
    hundreds, rest = number - number % 100, number % 100
    out = [_word(hundreds, case, gender)] if hundreds else []
    if rest > 20 and rest % 10:
        out.append(f"{_word(rest - rest % 10, case, gender)} {_word(rest % 10, case, gender)}")
    elif rest or not hundreds:
        out.append(_word(rest, case, gender))
    return out


def _word(number: int, case: str, gender: str) -> str:
    """A number of one word, or of two below a hundred."""
    at = _at(case)
    if number == 1:
        return _ONE[gender].split()[at]
    if number == 2:
        return _TWO[gender].split()[at]
    if number in _SMALL:
        return _SMALL[number].split()[at]
    if number in _SOFT:
        return _softly(_SOFT[number], case)
    if number in _FIFTIES:
        half = _SOFT.get(_FIFTIES[number], "восемь")
        ending = "десят" if case in ("nom", "acc") else _softly("десять", case)
        return (half if case in ("nom", "acc") else _word(_FIFTIES[number], case, "m")) + ending
    if 500 <= number <= 900 and number % 100 == 0:
        half = _word(number // 100, case, "m")
        return half + {"nom": "сот", "acc": "сот", "gen": "сот", "dat": "стам", "ins": "стами", "pre": "стах"}[case]
    if 20 < number < 100:
        return f"{_word(number - number % 10, case, gender)} {_word(number % 10, case, gender)}"
    raise ValueError(f"{number} has no word of its own")


def _softly(word: str, case: str) -> str:
    stem = word.removesuffix("ь")
    return stem + {"nom": "ь", "acc": "ь", "ins": "ью"}.get(case, "и")


def _ending(number: int, case: str, gender: str) -> str:
    """The ordinal of a number that has one word."""
    if number == 3:
        return _THIRD[gender][_at(case)]
    if 10 < number < 20:
        stem = _SOFT[number].removesuffix("ь")
    elif number in _ORDINALS:
        stem = _ORDINALS[number]
    else:
        hundreds = number - number % 100
        return f"{_word(hundreds, 'nom', 'm')} {_ending(number - hundreds, case, gender)}"
    if gender == "m" and case in ("nom", "acc") and number in _STRESSED:
        return f"{stem}ой"
    return stem + _ENDINGS[gender][_at(case)]


def _joined(word: str) -> str:
    """Before -тысячный: сто and тысяча stay as they are, двух, сорока are in the genitive."""
    return {"ста": "сто", "девяноста": "девяносто", "одного": "одно"}.get(word, word)


def _counted(number: int, case: str, one: str, few: str, many: str) -> str:
    if number % 10 == 1 and number % 100 != 11:
        return one
    if case in ("nom", "acc") and number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14):
        return few
    return many


def _at(case: str) -> int:
    if case not in CASES:
        raise ValueError(f"{case!r} is no case; known are {', '.join(CASES)}")
    return CASES.index(case)


def _in_range(number: int) -> None:
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} is out of range: 0 to {LARGEST}")
