"""Hours on the days that hurt: clocks that change, nights at the edge of calendars, RFC 5545 with exceptions."""

from datetime import date, datetime, time

import pytest

from pbx.model import values
from pbx.model.objects import Calendar, CalendarDays, Hours, OpenRule, Schedule
from pbx.routing.schedule import hours_to_tell, is_open

pytestmark = pytest.mark.row("R22")

WEEK = ("MO", "TU", "WE", "TH", "FR")
ALL = (*WEEK, "SA", "SU")


def hours(text: str) -> Hours:
    start, end = text.split("-")
    return Hours(time.fromisoformat(start), None if end == "24:00" else time.fromisoformat(end))


def daily(text: str, zone: str = "Europe/Moscow", days: tuple[str, ...] = ALL, calendars: bool = False) -> Schedule:
    return Schedule("s", zone, (OpenRule(days, (hours(text),)),), ("c",) if calendars else ())


def opened(what: Schedule, at: str, *days: CalendarDays) -> bool:
    return is_open(what, {"c": Calendar("c", days)}, datetime.fromisoformat(at), default_zone="UTC")[0]


def day(text: str, **says: object) -> CalendarDays:
    return CalendarDays(date.fromisoformat(text), date.fromisoformat(text), **says)  # type: ignore[arg-type]


@pytest.mark.parametrize(("zone", "text", "at", "expected"), [
    # spring: these hours lose what the clock leaves out
    ("Europe/Berlin", "02:00-03:00", "2026-03-29T00:59Z", False),
    ("Europe/Berlin", "02:00-03:00", "2026-03-29T01:00Z", False),
    ("Europe/Berlin", "02:30-04:00", "2026-03-29T01:00Z", True),  # 03:00 comes right after 01:59
    ("America/New_York", "01:00-02:30", "2026-03-08T06:59Z", True),
    ("America/New_York", "01:00-02:30", "2026-03-08T07:00Z", False),  # 03:00
    ("Australia/Lord_Howe", "02:00-02:30", "2026-10-03T15:29:59Z", False),  # 01:59
    ("Australia/Lord_Howe", "02:00-02:30", "2026-10-03T15:30Z", False),  # half an hour is left out: 02:30
    ("Australia/Lord_Howe", "01:00-03:00", "2026-10-03T15:30Z", True),
    # autumn: an hour that comes twice is open twice
    ("Europe/Berlin", "02:00-03:00", "2026-10-25T00:00Z", True),
    ("Europe/Berlin", "02:00-03:00", "2026-10-25T01:59Z", True),
    ("Europe/Berlin", "02:00-03:00", "2026-10-25T02:00Z", False),
    ("America/New_York", "01:00-02:00", "2026-11-01T05:00Z", True),
    ("America/New_York", "01:00-02:00", "2026-11-01T06:59Z", True),
    ("America/New_York", "01:00-02:00", "2026-11-01T07:00Z", False),
    ("Australia/Lord_Howe", "01:30-02:00", "2026-04-04T14:30Z", True),
    ("Australia/Lord_Howe", "01:30-02:00", "2026-04-04T15:29Z", True),  # 01:30 to 02:00 a second time
    ("Australia/Lord_Howe", "01:30-02:00", "2026-04-04T15:30Z", False),
    # nights that the clock changes in
    ("Europe/Berlin", "22:00-06:00", "2026-03-29T03:59Z", True),
    ("Europe/Berlin", "22:00-06:00", "2026-03-29T04:00Z", False),
    ("Europe/Berlin", "22:00-06:00", "2026-10-25T04:59Z", True),
    ("Europe/Berlin", "22:00-06:00", "2026-10-25T05:00Z", False),
    ("America/New_York", "22:00-02:30", "2026-03-08T07:00Z", False),
])  # fmt: skip
def test_the_clock_on_the_wall_decides(zone: str, text: str, at: str, expected: bool) -> None:
    assert opened(daily(text, zone), at) is expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_the_whole_day_is_open_however_the_clock_changes(zone: str) -> None:
    for change in ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"):
        start = datetime.fromisoformat(f"{change}T00:00+00:00").timestamp() - 86400
        assert all(
            is_open(
                daily("00:00-24:00", zone),
                {},
                datetime.fromtimestamp(start + 600 * step).astimezone(),
                default_zone="UTC",
            )[0]
            for step in range(3 * 144)
        )


PARTY = day("2026-12-31", hours=(hours("20:00-02:00"),))


@pytest.mark.parametrize(("days", "at", "expected"), [
    # the night belongs to the evening on which it began, whatever the calendar says of the next day
    ([day("2026-11-14", closed=True)], "2026-11-14T03:00+03:00", True),
    ([day("2026-11-14", closed=True)], "2026-11-14T23:00+03:00", False),
    ([day("2026-11-13", closed=True)], "2026-11-13T23:00+03:00", False),
    ([day("2026-11-13", closed=True)], "2026-11-14T03:00+03:00", False),
    # own hours over midnight, into a closed day and out of one
    ([PARTY, day("2027-01-01", closed=True)], "2027-01-01T01:59+03:00", True),
    ([PARTY, day("2027-01-01", closed=True)], "2027-01-01T02:00+03:00", False),
    ([day("2026-12-31", hours=(hours("09:00-12:00"),))], "2026-12-31T23:00+03:00", False),
    ([day("2026-12-31", hours=(hours("09:00-12:00"),))], "2026-12-31T03:00+03:00", True),  # since the 30th
    # a Sunday that is worked as a Friday has its night too
    ([day("2026-11-15", as_day="FR")], "2026-11-15T22:00+03:00", True),
    ([day("2026-11-15", as_day="FR")], "2026-11-16T05:59+03:00", True),
    ([day("2026-11-13", as_day="SU")], "2026-11-13T22:00+03:00", False),
])  # fmt: skip
def test_nights_at_the_edge_of_a_calendar(days: list[CalendarDays], at: str, expected: bool) -> None:
    what = Schedule("s", None, (OpenRule(WEEK, (hours("22:00-06:00"),)),), ("c",))
    assert (
        is_open(what, {"c": Calendar("c", tuple(days))}, datetime.fromisoformat(at), default_zone="Europe/Moscow")[0]
        is expected
    )


MONDAYS = "DTSTART:20260105T090000\nRRULE:FREQ=WEEKLY;BYDAY=MO"


@pytest.mark.parametrize(("rule", "at", "expected"), [
    (MONDAYS, "2026-11-09", True),
    (MONDAYS, "2026-11-10", False),
    (MONDAYS, "2025-12-29", False),  # before it begins
    # exceptions: as a day, with the time, in another zone's words
    (f"{MONDAYS}\nEXDATE:20261109", "2026-11-09", False),
    (f"{MONDAYS}\nEXDATE;VALUE=DATE:20261109,20261123", "2026-11-23", False),
    (f"{MONDAYS}\nEXDATE:20261109T090000", "2026-11-09", False),
    (f"{MONDAYS}\nEXDATE;TZID=Europe/Moscow:20261109T090000", "2026-11-09", False),
    (f"{MONDAYS}\nEXDATE:20261108T210000Z", "2026-11-09", False),  # midnight in Moscow
    (f"{MONDAYS}\nEXDATE:20261109", "2026-11-16", True),
    # and days beside
    (f"{MONDAYS}\nRDATE:20261111", "2026-11-11", True),
    (f"{MONDAYS}\nRDATE;VALUE=DATE:20261111", "2026-11-11", True),
    (f"{MONDAYS}\nRDATE;VALUE=PERIOD:20261111T090000/PT5H", "2026-11-11", True),
    # the end counts in full, wherever its hour lies
    (f"{MONDAYS};UNTIL=20261109", "2026-11-09", True),
    (f"{MONDAYS};UNTIL=20261109T000000", "2026-11-09", True),
    (f"{MONDAYS};UNTIL=20261108T210000Z", "2026-11-09", True),
    (f"{MONDAYS};UNTIL=20261109", "2026-11-16", False),
    (f"{MONDAYS};COUNT=2", "2026-01-12", True),
    (f"{MONDAYS};COUNT=2", "2026-01-19", False),
    (f"{MONDAYS};BYHOUR=9;BYMINUTE=0", "2026-11-09", True),
    ("DTSTART:20260101\nRRULE:FREQ=MONTHLY;BYDAY=-1FR", "2026-11-27", True),
    ("DTSTART:20260101\nRRULE:FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=9", "2026-11-09", True),
    ("DTSTART:20260104T230000Z\nRRULE:FREQ=WEEKLY;INTERVAL=2", "2026-01-19", True),  # the 5th in Moscow, a Monday
    ("DTSTART:20260104T230000Z\nRRULE:FREQ=WEEKLY;INTERVAL=2", "2026-01-18", False),
])  # fmt: skip
def test_rules_of_rfc_5545_name_days(rule: str, at: str, expected: bool) -> None:
    assert values.rrule(rule) == ""
    what = Schedule("s", None, (OpenRule((), (hours("10:00-11:00"),), rule),))
    assert is_open(what, {}, datetime.fromisoformat(f"{at}T10:30+03:00"), default_zone="Europe/Moscow")[0] is expected


def test_a_day_that_is_worked_as_another_is_so_by_rules_too() -> None:
    what = Schedule("s", None, (OpenRule((), (hours("10:00-11:00"),), MONDAYS),), ("c",))
    days = (day("2026-11-14", as_day="MO"), day("2026-11-16", as_day="SU"))
    assert opened(what, "2026-11-14T10:30+00:00", *days)
    assert not opened(what, "2026-11-16T10:30+00:00", *days)


@pytest.mark.parametrize("rule", ["EXDATE:20261109", "DTSTART:20261399\nRRULE:FREQ=DAILY",
                                  f"{MONDAYS}\nEXDATE:tomorrow", f"{MONDAYS}\nRDATE:99999999T999999Z"])  # fmt: skip
def test_what_is_no_rule_is_told(rule: str) -> None:
    assert values.rrule(rule)


@pytest.mark.parametrize(("at", "said"), [
    ("2026-11-09T20:00+03:00", "09:00-18:00"),
    ("2026-11-14T12:00+03:00", "09:00-18:00"),
    ("2026-12-30T12:00+03:00", "09:00-18:00"),
    ("2026-12-31T12:00+03:00", "09:00-13:00"),
])  # fmt: skip
def test_hours_to_tell(at: str, said: str) -> None:
    what = daily("09:00-18:00", days=WEEK, calendars=True)
    calendars = {"c": Calendar("c", (day("2026-12-31", hours=(hours("09:00-13:00"),)),))}
    assert hours_to_tell(what, calendars, datetime.fromisoformat(at), default_zone="UTC") == hours(said)


def test_no_hours_to_tell_when_it_stays_closed() -> None:
    closed = CalendarDays(date(2026, 1, 1), date(2027, 12, 31), closed=True)
    what = daily("09:00-18:00", calendars=True)
    assert (
        hours_to_tell(
            what, {"c": Calendar("c", (closed,))}, datetime.fromisoformat("2026-11-09T12:00+03:00"), default_zone="UTC"
        )
        is None
    )
