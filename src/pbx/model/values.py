"""What a pattern cannot say about a single value: that a date, a zone, a country or a rule of RFC 5545 exists."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from pbx.model.problems import Path, did_you_mean
from pbx.model.recurrence import days_only
from pbx.model.scope import Scope

_TOO_FINE = re.compile("FREQ=(HOURLY|MINUTELY|SECONDLY)", re.IGNORECASE)
_LONG_AGO = re.compile(r"DTSTART[^:]*:(0[0-9]{3}|1[0-8][0-9]{2})", re.IGNORECASE)
_LAST = datetime(9999, 12, 31)
_NO_STEP = re.compile(r"INTERVAL=[+-]?0*(\D|\Z)", re.IGNORECASE)


def check(scope: Scope) -> None:
    for path, value, node in scope.found:
        if node.check and (message := CHECKS[node.check](value)):
            scope.report(path, message)
    _dates(scope)


@cache
def _zones() -> frozenset[str]:
    import zoneinfo

    return frozenset(zoneinfo.available_timezones())


@cache
def timezone(value: str) -> str:
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return f'"{value}" is no zone of the IANA database{did_you_mean(value, _zones())}'
    return ""


def ip(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f'"{value}" is no IP address; right would be "198.51.100.10"'
    return ""


def country(value: str) -> str:
    import phonenumbers

    return "" if phonenumbers.country_code_for_region(value) else f'"{value}" is no country of ISO 3166; for example RU'


def day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"{value} is not in the calendar; that month is shorter: write a day that it has"
    return ""


def instant(value: str) -> str:
    try:
        known = datetime.fromisoformat(value)
    except ValueError:
        return f'"{value}" is no instant; right would be "2026-11-07T17:30+03:00"'
    return "" if known.tzinfo else f'"{value}" does not say its offset from UTC; right would be "{value}+03:00"'


def hours(value: str) -> str:
    start, _, end = value.partition("-")
    return "" if start != end else f'"{value}" is no time at all; the whole day is "00:00-24:00"'


def sip_uri(value: str) -> str:
    host, _, port = value.partition(":")[2].partition(";")[0].partition(":")
    if port and not 1 <= int(port) <= 65535:
        return f"port {port} is not there; write one from 1 to 65535"
    return "" if host.strip(".-") else f'"{value}" names no host; for example "sip:mtt.example"'


def rrule(value: str) -> str:
    from dateutil.rrule import rrulestr

    if _TOO_FINE.search(value):
        return "repeats within a day; FREQ is DAILY or longer, and the hours stand under hours"
    if _NO_STEP.search(value):  # dateutil would count for ever
        return "has an INTERVAL of 0; 1 is every time"
    if "BYEASTER" in value.upper():
        return "has BYEASTER, which is no word of RFC 5545; write those days in a calendar"
    if "EXRULE" in value.upper():
        return "has an EXRULE, which RFC 5545 has no longer; write the days as EXDATE:20260101T000000"
    if (year := _LONG_AGO.search(value)) is not None:
        return f"begins in {year[1]}; write a DTSTART in this century: each day since then is counted"
    if "DTSTART" not in value:
        return "has no DTSTART, so nothing says where the counting begins; write DTSTART:20260101T000000 in front"
    try:
        names = _names_a_day(rrulestr(days_only(value, "UTC"), forceset=True))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        return f"is no rule of RFC 5545 ({error}); for example DTSTART:20260105T000000\\nRRULE:FREQ=MONTHLY;BYDAY=1MO"
    return "" if names else "names no day at all, as 30 February would; change it or take it out"


def _names_a_day(found: Any) -> bool:
    """Whether any day is named in the years after a rule begins.

    dateutil looks for the first one until the year 9999, which takes many seconds. Every 28 years the calendar is the
    same, so the rule is asked as if it began shortly before that year.
    """
    without = set(found._exdate)
    if set(found._rdate) - without:
        return True
    for rule in found._rrule:
        later = _late_years(rule._dtstart.year)
        until = min(rule._until + later, _LAST) if rule._until and rule._until < _LAST - later else _LAST
        days = rule.replace(dtstart=rule._dtstart + later, until=until, count=None)
        if any(day - later not in without for day in islice(days, rule._count)):
            return True
    return False


def _late_years(year: int) -> timedelta:
    """From a year to one of 9960 … 9987 with the same weekdays and leap years after it."""
    last = next(late for late in range(9960, 9988) if (late - year) % 28 == 20)  # as 1901 … 2099 have it
    return datetime(last, 1, 1) - datetime(year, 1, 1)


CHECKS: dict[str, Callable[[str], str]] = {
    "timezone": timezone,
    "ip": ip,
    "country": country,
    "date": day,
    "instant": instant,
    "hours": hours,
    "sip_uri": sip_uri,
    "rrule": rrule,
}


def _dates(scope: Scope) -> None:
    """First days before last days; each line of a calendar says one thing, each rule of a schedule one kind of days."""
    for calendar, plain in scope.objects("calendars").items():
        for index, days in enumerate(plain["days"]):
            path: Path = ("calendars", calendar, "days", index)
            if "from" in days and "date" in days:
                scope.report((*path, "date"), "a line is one day (date) or a stretch (from, through), not both")
            elif "from" in days and days["from"] > days["through"]:
                scope.report((*path, "through"), f"{days['through']} is before {days['from']}; the later day is last")
            said = [key for key in ("closed", "hours", "as") if days.get(key)]
            if len(said) != 1:
                given = " and ".join(said) or "nothing"
                scope.report(path, f"says {given}; say one of closed: true, hours: […] or as: WEEKDAY")
    for schedule, plain in scope.objects("schedules").items():
        for index, rule in enumerate(plain["open"]):
            if "rrule" in rule and "days" in rule:
                scope.report(("schedules", schedule, "open", index, "rrule"), "days or rrule, not both; take one out")
