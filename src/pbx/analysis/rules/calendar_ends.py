from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import Schedule, Tenant

DAYS = 90
RULE = Rule(
    "calendar-ends",
    "warning",
    "a calendar of a schedule ends within 90 days",
    reason="After its last day a calendar says nothing: public holidays become ordinary working days and callers ring "
    "phones in an empty office. A schedule with a later calendar beside it is fine.",
    wrong="""
schedules:
  office: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}], calendars: [calendar/holidays]}
calendars:
  holidays: {days: [{from: 2026-01-01, through: 2026-01-08, closed: true}]}
""",
    right="""
schedules:
  office: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}], calendars: [calendar/holidays]}
calendars:
  holidays:
    days:
      - {from: 2026-01-01, through: 2026-01-08, closed: true}
      - {from: 2099-01-01, through: 2099-01-08, closed: true}
""",
    by_date=True,
)


def check(context: Context) -> Iterator[Finding]:
    limit = context.at + timedelta(days=DAYS)
    told: set[str] = set()
    for tenant in context.tenants:
        for schedule in tenant.model.schedules.values():
            last = _last_calendar(tenant.model, schedule)
            if last is None:
                continue
            end = max(days.last for days in tenant.model.calendars[last].days)
            key = last if not tenant.owns("calendars", last) else f"{tenant.model.id}/{last}"
            if end >= limit or key in told:
                continue
            told.add(key)
            left = (end - context.at).days
            ends = f"ends on {end}, in {left} days" if left > 0 else f"ended on {end}"
            message = (
                f"{ends}, and schedule/{schedule.id} has none that goes on: holidays after it count as working days; "
                "add the next days"
            )
            yield tenant.finding(("calendars", last), message)


def _last_calendar(tenant: Tenant, schedule: Schedule) -> str | None:
    """The one of the schedule's calendars that goes on longest."""
    ends = {
        name: max(days.last for days in tenant.calendars[name].days)
        for name in schedule.calendars
        if tenant.calendars[name].days
    }
    return max(ends, key=lambda name: ends[name], default=None)
