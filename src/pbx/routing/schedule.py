"""Is a schedule open at an instant? Weekly hours, RFC 5545 rules, calendars with closed, own and exchanged days.

Local wall-clock time decides: "09:00-18:00" is 09:00 to 18:00 on the clock of the schedule's zone, on days of 23 and
25 hours too (both folds of a repeated hour are inside or outside together).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from pbx.model.objects import Calendar, CalendarDays, Hours, OpenRule, Schedule
from pbx.model.recurrence import days_only
from pbx.routing.reason import Reason

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = timedelta(days=1)


def is_open(
    schedule: Schedule, calendars: Mapping[str, Calendar], at: datetime, *, default_zone: str
) -> tuple[bool, Reason]:
    """Say whether `schedule` is open at `at` (aware), and the reason in a few words."""
    zone = schedule.timezone or default_zone
    local = at.astimezone(ZoneInfo(zone))
    clock = local.time().replace(tzinfo=None, fold=0)
    days = [entry for name in schedule.calendars for entry in calendars[name].days]
    today, yesterday = local.date(), local.date() - _DAY
    # An evening that runs over midnight belongs to the day on which it began.
    if any(_covers_after_midnight(hours, clock) for hours in _hours_of(schedule, days, yesterday, zone)):
        return True, Reason("open_since_evening", day=yesterday)
    if any(_covers(hours, clock) for hours in _hours_of(schedule, days, today, zone)):
        return True, Reason("open", day=_day_name(days, today), clock=clock)
    return False, Reason("closed", day=_day_name(days, today), clock=clock)


def hours_to_tell(
    schedule: Schedule, calendars: Mapping[str, Calendar], at: datetime, *, default_zone: str
) -> Hours | None:
    """The hours that a caller is told of: today's from the first opening to the last closing, else those of the next
    day within two weeks that has some."""
    zone = schedule.timezone or default_zone
    today = at.astimezone(ZoneInfo(zone)).date()
    days = [entry for name in schedule.calendars for entry in calendars[name].days]
    for later in range(15):
        hours = sorted(_hours_of(schedule, days, today + later * _DAY, zone), key=lambda each: each.start)
        if hours:
            return Hours(hours[0].start, hours[-1].end)
    return None


def _hours_of(schedule: Schedule, days: Iterable[CalendarDays], day: date, zone: str) -> list[Hours]:
    """A day that is worked as another has the hours of that weekday of the same week, by rules of RFC 5545 too."""
    entry = _calendar_entry(days, day)
    if entry is not None:
        if entry.closed:
            return []
        if entry.hours:
            return list(entry.hours)
        if entry.as_day:
            day += (WEEKDAYS.index(entry.as_day) - day.weekday()) * _DAY
    return [hours for rule in schedule.open if _rule_has(rule, day, zone) for hours in rule.hours]


def _calendar_entry(days: Iterable[CalendarDays], day: date) -> CalendarDays | None:
    """The first entry that names the day: calendars earlier in the schedule's list win over later ones."""
    return next((entry for entry in days if entry.first <= day <= entry.last), None)


def _rule_has(rule: OpenRule, day: date, zone: str) -> bool:
    if rule.rrule is not None:
        return _rrule_has(rule.rrule, zone, day)
    return WEEKDAYS[day.weekday()] in rule.days


@lru_cache(maxsize=4096)
def _rrule_has(text: str, zone: str, day: date) -> bool:
    """RFC 5545 recurrence: does it name this local day?"""
    midnight = datetime.combine(day, time.min)
    return bool(_recurrence(text, zone).between(midnight, midnight, inc=True))


@lru_cache(maxsize=256)
def _recurrence(text: str, zone: str) -> rruleset:
    found: rruleset = rrulestr(days_only(text, zone), forceset=True, cache=True)
    return found


def _covers(hours: Hours, clock: time) -> bool:
    if hours.end is None:
        return clock >= hours.start
    if hours.end <= hours.start:  # over midnight: until the day's end here, the rest belongs to the next day
        return clock >= hours.start
    return hours.start <= clock < hours.end


def _covers_after_midnight(hours: Hours, clock: time) -> bool:
    return hours.end is not None and hours.end <= hours.start and clock < hours.end


def _day_name(days: Iterable[CalendarDays], day: date) -> Reason:
    entry = _calendar_entry(days, day)
    weekday = Reason(f"weekday_{WEEKDAYS[day.weekday()]}")
    if entry is None:
        return Reason("day", weekday=weekday, day=day)
    if entry.closed:
        return Reason("day_closed", weekday=weekday, day=day)
    if entry.hours:
        return Reason("day_own_hours", weekday=weekday, day=day)
    return Reason("day_worked_as", weekday=weekday, day=day, other=Reason(f"weekday_{entry.as_day}"))
