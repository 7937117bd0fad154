from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import Hours, OpenRule, Schedule
from pbx.routing.schedule import is_open

RULE = Rule(
    "dst-surprise",
    "warning",
    "hours that begin or end while the clocks change",
    reason="When summer time begins an hour of the night does not exist, when it ends one comes twice. Hours that "
    "begin or end inside of it are shorter, longer or missing on that night. Hours around it are fine.",
    wrong="""
schedules:
  night: {timezone: Europe/Berlin, open: [{days: [SU], hours: ["02:30-06:00"]}]}
flows:
  main:
    - {when: {open: schedule/night}, to: user/anna}
    - {to: announcement/closed}
numbers:
  "+74951000100": {to: flow/main}
""",
    right="""
schedules:
  night: {timezone: Europe/Berlin, open: [{days: [SU], hours: ["01:00-06:00"]}]}
flows:
  main:
    - {when: {open: schedule/night}, to: user/anna}
    - {to: announcement/closed}
numbers:
  "+74951000100": {to: flow/main}
""",
    by_date=True,
)
YEAR = 366  # days ahead


@dataclass(frozen=True, slots=True)
class Change:
    """The clocks go from one local time to another; the hours between are missing (`gap`) or come twice."""

    before: datetime
    after: datetime

    @property
    def gap(self) -> bool:
        return self.after > self.before

    @property
    def between(self) -> tuple[datetime, datetime]:
        return min(self.before, self.after), max(self.before, self.after)


def check(context: Context) -> Iterator[Finding]:
    changes: dict[str, list[Change]] = {}
    for tenant in context.tenants:
        for schedule in tenant.model.schedules.values():
            zone = schedule.timezone or tenant.model.timezone
            if zone not in changes:
                changes[zone] = list(_changes(ZoneInfo(zone), context.at))
            for index, rule in enumerate(schedule.open):
                for number, hours in enumerate(rule.hours):
                    hit = next((each for each in changes[zone] if _meets(schedule, rule, hours, each, zone)), None)
                    if hit:
                        path = ("schedules", schedule.id, "open", index, "hours", number)
                        yield tenant.finding(path, _message(hit, zone))


def _message(change: Change, zone: str) -> str:
    first, last = change.between
    does = "do not come" if change.gap else "come twice"
    return (
        f"on {change.before.date()} the clocks of {zone} go from {change.before:%H:%M} to {change.after:%H:%M}: times "
        f"from {first:%H:%M} to {last:%H:%M} {does} that night; begin and end outside of them"
    )


def _changes(zone: ZoneInfo, first: date) -> Iterator[Change]:
    """Every change of the clocks in the year ahead, to the minute."""
    start = datetime.combine(first, time(0), ZoneInfo("UTC"))
    for day in range(YEAR):
        low, high = start + timedelta(days=day), start + timedelta(days=day + 1)
        old, new = (at.astimezone(zone).utcoffset() or timedelta(0) for at in (low, high))
        if old == new:
            continue
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) / 2
            if middle.astimezone(zone).utcoffset() == old:
                low = middle
            else:
                high = middle
        at = high.replace(second=0, microsecond=0, tzinfo=None)
        yield Change(at + old, at + new)


def _meets(schedule: Schedule, rule: OpenRule, hours: Hours, change: Change, zone: str) -> bool:
    """Do hours of the day of the change, or of the evening before, begin or end inside the hours that change?"""
    first, last = change.between
    for day in {change.before.date(), change.before.date() - timedelta(days=1)}:
        start = datetime.combine(day, hours.start)
        over_midnight = hours.end is None or hours.end <= hours.start
        end = datetime.combine(day + timedelta(days=1 if over_midnight else 0), hours.end or time(0))
        inside = first < start < last or first < end < last or (first <= start and end <= last)
        if inside and _has_day(schedule, rule, day, zone):
            return True
    return False


def _has_day(schedule: Schedule, rule: OpenRule, day: date, zone: str) -> bool:
    whole = OpenRule(rule.days, (Hours(time(0), None),), rule.rrule)
    noon = datetime.combine(day, time(12), ZoneInfo(zone))
    return is_open(Schedule(schedule.id, zone, (whole,)), {}, noon, default_zone=zone)[0]
