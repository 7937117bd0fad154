from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import Schedule

RULE = Rule(
    "holiday-gap",
    "warning",
    "a schedule of working days without the calendar that another one has",
    reason="On a public holiday one schedule is closed and the other, which was forgotten, is open: callers ring "
    "phones in an empty office. Schedules of weekends and of the whole day are left alone.",
    wrong="""
schedules:
  sales: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}], calendars: [calendar/holidays]}
  service: {open: [{days: [MO, TU, WE, TH, FR], hours: ["08:00-20:00"]}]}
calendars:
  holidays: {days: [{from: 2099-01-01, through: 2099-01-08, closed: true}]}
""",
    right="""
schedules:
  sales: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}], calendars: [calendar/holidays]}
  service: {open: [{days: [MO, TU, WE, TH, FR], hours: ["08:00-20:00"]}], calendars: [calendar/holidays]}
calendars:
  holidays: {days: [{from: 2099-01-01, through: 2099-01-08, closed: true}]}
""",
)
WORKING = {"MO", "TU", "WE", "TH", "FR"}


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        schedules = tenant.model.schedules.values()
        other = next((each for each in schedules if each.calendars), None)
        for schedule in schedules:
            if other is not None and not schedule.calendars and _is_of_working_days(schedule):
                names = ", ".join(f"calendar/{name}" for name in other.calendars)
                message = (
                    f"is open on public holidays: it has no calendar, and schedule/{other.id} has {names}; write "
                    f"calendars: [{names}]"
                )
                yield tenant.finding(("schedules", schedule.id), message)


def _is_of_working_days(schedule: Schedule) -> bool:
    """Open on most working days, and not all day long."""
    days = {day for rule in schedule.open for day in rule.days}
    whole = all(hours.end is None and hours.start.hour == 0 for rule in schedule.open for hours in rule.hours)
    return len(days & WORKING) >= 3 and not whole
