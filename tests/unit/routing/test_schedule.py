"""Schedules: weekly hours, nights over midnight, DST, RFC 5545 rules, calendars."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from pbx.model.objects import Calendar, CalendarDays, Hours, OpenRule, Schedule
from pbx.routing.schedule import is_open

WEEK = ("MO", "TU", "WE", "TH", "FR")


def schedule(*rules: OpenRule, zone: str = "Europe/Moscow", calendars: tuple[str, ...] = ()) -> Schedule:
    return Schedule("s", zone, rules, calendars)


def hours(start: str, end: str) -> Hours:
    return Hours(time.fromisoformat(start), None if end == "24:00" else time.fromisoformat(end))


def opened(what: Schedule, at: str, calendars: dict[str, Calendar] | None = None) -> bool:
    return is_open(what, calendars or {}, datetime.fromisoformat(at), default_zone="UTC")[0]


OFFICE = schedule(OpenRule(WEEK, (hours("09:00", "13:00"), hours("14:00", "18:00"))))
NIGHT = schedule(OpenRule(("FR",), (hours("22:00", "06:00"),)))
ALWAYS = schedule(OpenRule((*WEEK, "SA", "SU"), (hours("00:00", "24:00"),)))


@pytest.mark.row("R22")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-09T12:59:59.999+03:00", True),
        ("2026-11-09T13:00+03:00", False),
        ("2026-11-09T14:00+03:00", True),
        ("2026-11-09T06:00+00:00", True),
        ("2026-11-14T12:00+03:00", False),
    ],
)
def test_ends_are_exclusive(at: str, expected: bool) -> None:
    assert opened(OFFICE, at) is expected


@pytest.mark.row("R22")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-13T21:59+03:00", False),
        ("2026-11-13T22:00+03:00", True),
        ("2026-11-14T05:59+03:00", True),  # Saturday's morning belongs to Friday's night
        ("2026-11-14T06:00+03:00", False),
        ("2026-11-13T03:00+03:00", False),  # Friday's own morning does not
    ],
)
def test_a_night_belongs_to_the_day_it_began(at: str, expected: bool) -> None:
    assert opened(NIGHT, at) is expected


def test_the_whole_day_has_no_gap() -> None:
    assert opened(ALWAYS, "2026-11-13T23:59:59.999+03:00")
    assert opened(ALWAYS, "2026-11-14T00:00+03:00")


@pytest.mark.row("R22")
def test_wall_clock_decides_across_dst() -> None:
    berlin = schedule(OpenRule((*WEEK, "SA", "SU"), (hours("09:00", "18:00"),)), zone="Europe/Berlin")
    assert opened(berlin, "2026-10-24T07:30+00:00")  # summer: 09:30
    assert not opened(berlin, "2026-10-25T07:30+00:00")  # winter: 08:30
    small = schedule(OpenRule(("SU",), (hours("02:00", "03:00"),)), zone="Europe/Berlin")
    assert opened(small, "2026-10-25T00:30+00:00") and opened(small, "2026-10-25T01:30+00:00")  # 02:30 twice
    gap = schedule(OpenRule(("SU",), (hours("02:00", "03:00"),)), zone="Europe/Berlin")
    assert not opened(gap, "2026-03-29T01:00+00:00")  # 02:00–03:00 does not exist that day


@pytest.mark.row("R22")
def test_rrule_names_days() -> None:
    first_monday = OpenRule((), (hours("10:00", "11:00"),), "DTSTART:20260105T000000\nRRULE:FREQ=MONTHLY;BYDAY=1MO")
    assert opened(schedule(first_monday), "2026-11-02T10:30+03:00")
    assert not opened(schedule(first_monday), "2026-11-09T10:30+03:00")
    assert not opened(schedule(first_monday), "2026-11-02T11:00+03:00")


@pytest.mark.row("R22")
def test_calendar_days_are_closed_short_or_exchanged() -> None:
    days = Calendar(
        "c",
        (
            CalendarDays(date(2026, 11, 4), date(2026, 11, 4), closed=True),
            CalendarDays(date(2026, 11, 3), date(2026, 11, 3), hours=(hours("09:00", "12:00"),)),
            CalendarDays(date(2026, 11, 7), date(2026, 11, 7), as_day="FR"),
        ),
    )
    office = schedule(OpenRule(WEEK, (hours("09:00", "18:00"),)), calendars=("c",))
    calendars = {"c": days}
    assert not opened(office, "2026-11-04T12:00+03:00", calendars)
    assert not opened(office, "2026-11-03T12:30+03:00", calendars)
    assert opened(office, "2026-11-07T12:00+03:00", calendars)
    assert not opened(office, "2026-11-08T12:00+03:00", calendars)


def test_the_reason_is_in_words() -> None:
    state, why = is_open(OFFICE, {}, datetime(2026, 11, 14, 12, tzinfo=ZoneInfo("Europe/Moscow")), default_zone="UTC")
    assert (state, str(why)) == (False, "closed: SA 2026-11-14, 12:00")
