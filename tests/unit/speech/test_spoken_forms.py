"""Numbers, hours, dates and money as words: a table a language, and what holds for all numbers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pbx.speech.spoken import forms, russian, slots

pytestmark = pytest.mark.row("R20")

RUSSIAN = """
number 0: ноль | 1: один | 1 f: одна | 1 n: одно | 2: два | 2 f: две | 2 n: два | 3: три | 4: четыре | 5: пять
number 6: шесть | 7: семь | 8: восемь | 9: девять | 10: десять | 11: одиннадцать | 12: двенадцать | 13: тринадцать
number 14: четырнадцать | 15: пятнадцать | 16: шестнадцать | 17: семнадцать | 18: восемнадцать | 19: девятнадцать
number 20: двадцать | 21 f: двадцать одна | 30: тридцать | 40: сорок | 50: пятьдесят | 60: шестьдесят
number 70: семьдесят | 80: восемьдесят | 90: девяносто | 99: девяносто девять | 100: сто | 101 f: сто одна
number 111: сто одиннадцать | 200: двести | 300: триста | 400: четыреста | 500: пятьсот | 600: шестьсот
number 700: семьсот | 800: восемьсот | 900: девятьсот | 1000: тысяча | 1001: тысяча один | 2000: две тысячи
number 5000: пять тысяч | 11000: одиннадцать тысяч | 21000: двадцать одна тысяча | 22000: двадцать две тысячи
number 1000000: миллион | 2000000: два миллиона | 5000000: пять миллионов | 1000000000: миллиард
number 1 gen: одного | 1 f gen: одной | 1 f acc: одну | 1 ins: одним | 2 gen: двух | 2 dat: двум | 2 ins: двумя
number 3 gen: трёх | 3 dat: трём | 3 ins: тремя | 4 gen: четырёх | 4 ins: четырьмя | 5 gen: пяти | 5 ins: пятью
number 8 gen: восьми | 8 ins: восемью | 9 gen: девяти | 11 gen: одиннадцати | 18 gen: восемнадцати | 20 ins: двадцатью
number 21 gen: двадцати одного | 22 f gen: двадцати двух | 40 gen: сорока | 50 gen: пятидесяти | 50 ins: пятьюдесятью
number 80 gen: восьмидесяти | 90 dat: девяноста | 100 gen: ста | 200 gen: двухсот | 200 ins: двумястами
number 300 dat: трёмстам | 400 pre: четырёхстах | 500 gen: пятисот | 500 ins: пятьюстами | 800 gen: восьмисот
number 1000 gen: тысячи | 2000 gen: двух тысяч
number 5000 dat: пяти тысячам | 1000 acc: тысячу | 21000 acc: двадцать одну тысячу
ordinal 0: нулевой | 1: первый | 2: второй | 3: третий | 4: четвёртый | 5: пятый | 6: шестой | 7: седьмой | 8: восьмой
ordinal 9: девятый | 10: десятый | 11: одиннадцатый | 12: двенадцатый | 15: пятнадцатый | 20: двадцатый
ordinal 21: двадцать первый | 30: тридцатый | 40: сороковой | 50: пятидесятый | 90: девяностый | 100: сотый
ordinal 101: сто первый | 112: сто двенадцатый | 200: двухсотый | 340: триста сороковой | 1000: тысячный
ordinal 2000: двухтысячный | 21000: двадцатиоднотысячный | 40000: сорокатысячный | 100000: стотысячный
ordinal 2026: две тысячи двадцать шестой | 1 f: первая | 2 f: вторая | 3 f: третья | 3 n: третье | 3 f gen: третьей
ordinal 3 gen: третьего | 3 dat: третьему | 3 f acc: третью | 5 n: пятое | 7 gen: седьмого | 7 f ins: седьмой
ordinal 25 n gen: двадцать пятого | 2 acc: второй | 8 pre: восьмом | 23 f pre: двадцать третьей
count 0: ноль минут | 1 f: одна минута | 2 f: две минуты
count 4 f: четыре минуты | 5 f: пять минут | 11 f: одиннадцать минут
count 12 f: двенадцать минут | 21 f: двадцать одна минута | 22 f: двадцать две минуты | 25 f: двадцать пять минут
count 101 f: сто одна минута | 111 f: сто одиннадцать минут | 112 f: сто двенадцать минут | 1000 f: тысяча минут
time 00:00: полночь | 00:00 gen: полуночи | 24:00 gen: полуночи | 01:00: час | 01:00 gen: часа | 02:00: два часа
time 05:00: пять часов | 09:00 gen: девяти | 09:00: девять часов | 12:00: двенадцать часов | 13:00 gen: тринадцати
time 18:00 gen: восемнадцати | 21:00: двадцать один час | 22:00: двадцать два часа | 09:30 gen: девяти тридцати
time 09:30: девять тридцать | 09:05: девять ноль пять | 17:45 gen: семнадцати сорока пяти | 08:15 dat: восьми пятнадцати
time 10:01: десять ноль один | 10:21: десять двадцать одна | 20:00 dat: двадцати
date 2026-01-01: первого января | 2026-02-03: третьего февраля
date 2026-03-08: восьмого марта | 2026-04-12: двенадцатого апреля
date 2026-05-09 nom: девятое мая | 2026-06-20: двадцатого июня | 2026-07-31: тридцать первого июля
date 2026-08-02 nom: второе августа | 2026-09-23: двадцать третьего сентября | 2026-10-30: тридцатого октября
date 2026-11-25: двадцать пятого ноября | 2026-12-31 nom: тридцать первое декабря
date 2026-11-25 year: двадцать пятого ноября две тысячи двадцать шестого года
date 2000-01-02 year: второго января двухтысячного года
date 1999-12-31 nom year: тридцать первое декабря тысяча девятьсот девяносто девятого года
money 0 RUB: ноль рублей | 1 RUB: один рубль | 2 RUB: два рубля | 5 RUB: пять рублей | 0.01 RUB: одна копейка
money 0.02 RUB: две копейки | 21.50 RUB: двадцать один рубль пятьдесят копеек | 1000 RUB: тысяча рублей
money 1231.50 RUB: тысяча двести тридцать один рубль пятьдесят копеек
money 3 USD: три доллара | 1.21 USD: один доллар двадцать один цент
money 2 EUR: два евро | 1 EUR: одно евро | 5 KZT: пять тенге | 2000000 RUB: два миллиона рублей
digits 0: ноль | 112: один один два | *72: звёздочка семь два | 1#: один решётка | 907: девять ноль семь
phone +74951000100: плюс семь четыреста девяносто пять сто ноль один ноль ноль
phone 84951234567: восемь четыреста девяносто пять сто двадцать три сорок пять шестьдесят семь
phone 1234567: сто двадцать три сорок пять шестьдесят семь | 112: сто двенадцать
phone 201: двести один | 5007: пятьдесят ноль семь
"""
ENGLISH = """
number 0: zero | 1: one | 2: two | 3: three | 4: four | 5: five | 6: six | 7: seven | 8: eight | 9: nine | 10: ten
number 11: eleven | 12: twelve | 13: thirteen | 14: fourteen | 15: fifteen | 16: sixteen | 17: seventeen
number 18: eighteen | 19: nineteen | 20: twenty | 21: twenty-one | 30: thirty | 40: forty | 50: fifty | 60: sixty
number 70: seventy | 80: eighty | 90: ninety | 99: ninety-nine | 100: one hundred | 101: one hundred one
number 111: one hundred eleven | 999: nine hundred ninety-nine
number 1000: one thousand | 1231: one thousand two hundred thirty-one
number 20000: twenty thousand | 1000000: one million | 2000001: two million one | 1000000000: one billion
ordinal 0: zeroth | 1: first | 2: second | 3: third | 4: fourth
ordinal 5: fifth | 6: sixth | 7: seventh | 8: eighth | 9: ninth
ordinal 10: tenth | 11: eleventh | 12: twelfth | 13: thirteenth | 20: twentieth | 21: twenty-first | 22: twenty-second
ordinal 23: twenty-third | 30: thirtieth | 40: fortieth | 99: ninety-ninth | 100: one hundredth | 101: one hundred first
ordinal 112: one hundred twelfth | 1000: one thousandth | 1000000: one millionth
count 0: zero minutes | 1: one minute | 2: two minutes | 21: twenty-one minutes | 100: one hundred minutes
time 00:00: midnight | 24:00: midnight | 01:00: one a.m.
time 09:00: nine a.m. | 09:30: nine thirty a.m. | 11:59: eleven fifty-nine a.m.
time 12:00: noon | 12:15: twelve fifteen p.m. | 13:00: one p.m. | 18:00: six p.m. | 00:05: twelve oh five a.m.
time 20:07: eight oh seven p.m. | 23:45: eleven forty-five p.m. | 17:00: five p.m.
date 2026-01-01: January first | 2026-02-03: February third | 2026-03-08: March eighth | 2026-04-12: April twelfth
date 2026-05-09: May ninth | 2026-06-20: June twentieth | 2026-07-31: July thirty-first | 2026-08-02: August second
date 2026-09-23: September twenty-third | 2026-10-30: October thirtieth | 2026-11-25: November twenty-fifth
date 2026-12-31 year: December thirty-first twenty twenty-six | 2005-01-02 year: January second two thousand five
date 2000-01-01 year: January first two thousand | 1905-03-04 year: March fourth nineteen oh-five
date 1900-03-04 year: March fourth nineteen hundred | 2010-10-10 year: October tenth twenty ten
money 0 USD: zero dollars | 1 USD: one dollar | 2 USD: two dollars | 0.01 USD: one cent | 0.99 USD: ninety-nine cents
money 1231.50 USD: one thousand two hundred thirty-one dollars and fifty cents | 1.01 GBP: one pound and one penny
money 5 EUR: five euros | 2.50 RUB: two rubles and fifty kopecks | 3 KZT: three tenge
digits 0: zero | 112: one one two | *72: star seven two | 1#: one pound | 907: nine zero seven
phone +74951000100: plus seven four nine five one zero zero zero one zero zero | 112: one one two
"""
MINUTES = {"ru-RU": "минута|минуты|минут", "en-US": "minute|minutes"}


def table(language: str, text: str) -> list[tuple[str, str, str]]:
    """(language, what a slot has in it, words); the form stands once a line."""
    rows = []
    for line in text.strip().splitlines():
        form, _, cases = line.partition(" ")
        for case in cases.split(" | "):
            value, _, words = case.partition(": ")
            nouns = f": {MINUTES[language]}" if form == "count" else ""
            rows.append((language, f"{form} {value}{nouns}", words))
    return rows


ROWS = [*table("ru-RU", RUSSIAN), *table("en-US", ENGLISH)]


@pytest.mark.parametrize(("language", "slot", "words"), ROWS, ids=lambda value: str(value))
def test_it_is_said(language: str, slot: str, words: str) -> None:
    assert slots.whole(language, f"{{{slot}}}", {}) == words


def test_there_are_many() -> None:
    assert len({(language, slot) for language, slot, _ in ROWS}) >= 300


@pytest.mark.parametrize("gender", russian.GENDERS)
@pytest.mark.parametrize("case", russian.CASES)
def test_each_number_is_other_words(case: str, gender: str) -> None:
    """Two numbers are never said alike, and none is said with a word twice in a row."""
    said = {number: " ".join(russian.cardinal(number, case, gender)) for number in range(10_000)}
    assert len(set(said.values())) == len(said)
    ordinals = {number: " ".join(russian.ordinal(number, case, gender)) for number in range(1_000)}
    assert len(set(ordinals.values())) == len(ordinals)
    for words in (*said.values(), *ordinals.values()):
        assert all(one != other for one, other in zip(words.split(), words.split()[1:], strict=False)), words


def test_below_a_hundred_is_one_piece() -> None:
    for number in range(100):
        for language in ("ru-RU", "en-US"):
            assert len(forms.chunks(language, forms.Form("number"), str(number))) == 1


def test_every_day_can_be_said() -> None:
    day = date(2028, 1, 1)
    for language in ("ru-RU", "en-US"):
        said = {forms.words(language, forms.Form("date"), str(day + timedelta(days=each))) for each in range(366)}
        assert len(said) == 366


@pytest.mark.parametrize(
    ("slot", "why"),
    [
        ("{money}", "without a value"),
        ("{number x}", "no whole number"),
        ("{number -1}", "no whole number"),
        ("{number 1000000000000}", "out of range"),
        ("{time 25:00}", "no time"),
        ("{date 2026-02-30}", "no date"),
        ("{money 1.234 RUB}", "no sum of money"),
        ("{money 1 XXX}", "is said is not known"),
        ("{money RUB}", "no sum of money"),
        ("{count 5}", "three forms"),
        ("{count 5: минута|минут}", "three forms"),
        ("{digits 1a}", "no digit"),
        ("{phone 1a}", "no telephone number"),
        ("{}", "empty slot"),
        ("{hours.opn}", "no such slot"),
        ("{hours.open often}", "a form, a case or a gender"),
        ("{hours.open", "without its other"),
        ("hours.open}", "without its other"),
    ],
)
def test_what_cannot_be_said_is_told(slot: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        slots.parts("ru-RU", f"Так: {slot}.")


def test_slots_of_a_call() -> None:
    text = "Мы работаем с {hours.open} до {hours.close}. Вы {position f gen} из {count n: новый|новых|новых}."
    assert slots.names("ru-RU", text) == ("hours.open", "hours.close", "position", "count")
    values = {"hours.open": "09:00", "hours.close": "18:30", "position": "3", "count": "21"}
    pieces = ["Мы работаем с", "девяти", "до", "восемнадцати", "тридцати", "Вы", "третьей", "из"]
    assert slots.filled("ru-RU", text, values) == [*pieces, "двадцать одно", "новый"]
    assert slots.filled("ru-RU", "До {hours.close}!", {"hours.close": "soon"}) == ["До"]
    assert slots.filled("de-DE", "Bis {hours.close}!", values) == ["Bis", "18:30"]
