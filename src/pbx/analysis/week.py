"""An ordinary week of a tenant: what holds at which hours, with public holidays left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pbx.analysis.times import in_words
from pbx.model.objects import AllOf, AnyOf, Closed, Condition, Flow, Not, Open, Schedule, Tenant

Span = tuple[datetime, time | None]  # from an instant on the tenant's clock to a time of the same day (None: 24:00)
WEEK = timedelta(days=7)
MOST_STEPS = 20_000  # steps of flows that are looked at for one answer; beyond it a flow is left alone


def ordinary(tenant: Tenant) -> Tenant:
    """The tenant without its calendars, so that the answer does not hang on the day on which it is asked."""
    schedules = {name: replace(schedule, calendars=()) for name, schedule in tenant.schedules.items()}
    return replace(tenant, schedules=schedules)


def asked(flows: Iterable[Flow]) -> set[str]:
    """The schedules that steps of these flows ask."""
    return {name for flow in flows for step in flow.steps if step.when is not None for name in _asked(step.when)}


def _asked(condition: Condition) -> Iterator[str]:
    match condition:
        case Open(names) | Closed(names):
            yield from names
        case Not(inner):
            yield from _asked(inner)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _asked(part)


def spans(tenant: Tenant, flows: Iterable[Flow], first: date) -> list[Span]:
    """The stretches of the week of `first` in which no schedule of these flows changes; of two weeks where an RFC 5545
    rule is; none where it would be too many.
    """
    flows = list(flows)
    schedules = asked(flows)
    zone = ZoneInfo(tenant.timezone)
    monday = first - timedelta(days=first.weekday())
    wanted = [tenant.schedules[name] for name in sorted(schedules)]
    two = any(rule.rrule for schedule in wanted for rule in schedule.open)
    out: list[Span] = []
    for day in (monday + timedelta(days=number) for number in range(14 if two else 7)):
        edges = sorted({time(0)}.union(*(_edges(schedule, day, zone) for schedule in wanted)))
        out += [(datetime.combine(day, start, zone), end) for start, end in zip(edges, [*edges[1:], None], strict=True)]
        if len(out) * sum(len(flow.steps) for flow in flows) > MOST_STEPS:
            return []
    return out


def _edges(schedule: Schedule, day: date, zone: ZoneInfo) -> Iterator[time]:
    """The times on the tenant's clock at which a schedule may change."""
    own = ZoneInfo(schedule.timezone) if schedule.timezone else zone
    for rule in schedule.open:
        for hours in rule.hours:
            for edge in (hours.start, hours.end or time(0)):
                yield edge if own is zone else datetime.combine(day, edge, own).astimezone(zone).time()


def in_hours(some: Iterable[Span], every: list[Span]) -> str:
    """Some of the spans as people say them (`MO–FR 18:00–24:00`); `every` are those that were looked at."""
    days = list(dict.fromkeys(at.date() for at, _ in every))
    times: dict[date, list[tuple[time, time | None]]] = {}
    for at, end in some:
        known = times.setdefault(at.date(), [])
        start = at.timetz().replace(tzinfo=None)
        if known and known[-1][1] == start:
            known[-1] = (known[-1][0], end)
        else:
            known.append((start, end))
    if len(days) == 7:  # the next week is the same, and words need two of each day
        times |= {day + WEEK: list(of_day) for day, of_day in times.items()}
        days += [day + WEEK for day in days]
    return in_words(times, days)


def where(every: list[Span], holds: Callable[[datetime], bool]) -> list[Span]:
    """The spans at whose start something holds."""
    return [span for span in every if holds(span[0])]
