"""An ordinary week of a tenant: what holds at which hours, with public holidays left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pbx.analysis.times import in_words
from pbx.model.objects import AllOf, AnyOf, Closed, Condition, Flow, Not, Open, Tenant

DAYS = 14  # two of each weekday: a rule for every second week shows as dates


def ordinary(tenant: Tenant) -> Tenant:
    """The tenant without its calendars, so that the answer does not hang on the day on which it is asked."""
    schedules = {name: replace(schedule, calendars=()) for name, schedule in tenant.schedules.items()}
    return replace(tenant, schedules=schedules)


def instants(tenant: Tenant, first: date) -> Iterator[tuple[datetime, time | None]]:
    """The stretches of two weeks in which no schedule changes: the start on the tenant's clock, the end (None: 24:00).

    `first` may be any day; the weeks begin on its Monday.
    """
    zone = ZoneInfo(tenant.timezone)
    monday = first - timedelta(days=first.weekday())
    for number in range(DAYS):
        day = monday + timedelta(days=number)
        edges = sorted({time(0)} | set(_edges(tenant, day, zone)))
        for start, end in zip(edges, [*edges[1:], None], strict=True):
            yield datetime.combine(day, start, zone), end


def _edges(tenant: Tenant, day: date, zone: ZoneInfo) -> Iterator[time]:
    """The clock times of the tenant at which a schedule may change."""
    for schedule in tenant.schedules.values():
        own = ZoneInfo(schedule.timezone) if schedule.timezone else zone
        for rule in schedule.open:
            for hours in rule.hours:
                for edge in (hours.start, hours.end):
                    if edge is not None:
                        yield datetime.combine(day, edge, own).astimezone(zone).time()
                    elif own is not zone:
                        yield datetime.combine(day, time(0), own).astimezone(zone).time()


def when(tenant: Tenant, first: date, holds: Callable[[datetime], bool]) -> str:
    """The hours at which something holds, as people say them (`MO–FR 18:00–24:00`); empty when it never does."""
    spans: dict[date, list[tuple[time, time | None]]] = {}
    days: dict[date, None] = {}
    for at, end in instants(tenant, first):
        days[at.date()] = None
        if not holds(at):
            continue
        known = spans.setdefault(at.date(), [])
        start = at.timetz().replace(tzinfo=None)
        if known and known[-1][1] == start:
            known[-1] = (known[-1][0], end)
        else:
            known.append((start, end))
    return in_words(spans, list(days)) if spans else ""


def goes_by_hours(flow: Flow) -> bool:
    """Does a step ask a schedule?"""
    return any(step.when is not None and _asks_schedule(step.when) for step in flow.steps)


def _asks_schedule(condition: Condition) -> bool:
    match condition:
        case Open() | Closed():
            return True
        case Not(inner):
            return _asks_schedule(inner)
        case AllOf(parts) | AnyOf(parts):
            return any(map(_asks_schedule, parts))
    return False
