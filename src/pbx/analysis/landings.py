"""Where callers land: the decisions of live calls run over a grid of numbers, callers and hours, for two models.

A landing is where a call leaves the flows: a menu, a group, a person, an announcement, a refusal. What happens inside
it is told by the objects that differ. Pure, no clock: the first day is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from pbx.model.objects import CallerIs, FactIs, Flow, Hours, NumberIs, OverrideOn, QueueIs, Share, Tenant
from pbx.routing import decide
from pbx.routing.condition import share_of
from pbx.routing.decision import Facts

DAYS = 14  # of the grid, besides the days that calendars name
AHEAD = timedelta(days=400)  # calendar days later than this are not looked at
MAX_FLOWS = 60  # a path longer than this is a loop
OTHERS = "other callers"
HIDDEN = "hidden callers"
_NOBODY = "+99900000000"  # stands for a caller whom no list and no condition knows


@dataclass(frozen=True, slots=True)
class Caller:
    """A sort of callers and one number that stands for it (None: hidden), with what is so when they call."""

    name: str
    number: str | None
    overrides: frozenset[str] = frozenset()
    queues: Mapping[str, str] = field(default_factory=dict)
    lookups: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(slots=True)
class Moved:
    """Callers of these numbers who would land elsewhere, at these local times (start, end exclusive) of each day."""

    numbers: list[str]
    callers: str
    before: str
    after: str
    times: dict[date, list[tuple[time, time | None]]] = field(default_factory=dict)


def moved(old: Tenant, new: Tenant, first: date, reached: Collection[str] | None = None) -> list[Moved]:
    """What changes for whoever calls a number that both have, from `first` on.

    `reached` are the numbers that a change can reach at all (None: any of them), so that the others are not asked.
    """
    found: dict[tuple[object, ...], Moved] = {}
    instants = _grid(old, new, first)
    callers = _callers(old, new)
    for numbers in _alike(old, new, new.numbers if reached is None else reached):
        for caller in callers:
            changes = _changes(old, new, numbers[0], caller, instants)
            for (before, after), times in changes.items():
                key = (caller.name, before, after, repr(times))
                known = found.setdefault(key, Moved([], caller.name, before, after, times))
                known.numbers += numbers
    return _without_repeats(list(found.values()))


def _without_repeats(found: list[Moved]) -> list[Moved]:
    """What holds for all other callers at the same times need not be said of listed ones again."""
    general = [one for one in found if one.callers == OTHERS]
    return [
        one
        for one in found
        if one.callers == OTHERS
        or not any((g.before, g.after, g.times) == (one.before, one.after, one.times) for g in general)
    ]


def _changes(
    old: Tenant, new: Tenant, number: str, caller: Caller, instants: Mapping[date, list[time]]
) -> dict[tuple[str, str], dict[date, list[tuple[time, time | None]]]]:
    zone = ZoneInfo(new.timezone)
    out: dict[tuple[str, str], dict[date, list[tuple[time, time | None]]]] = {}
    for day, times in instants.items():
        for index, start in enumerate(times):
            at = datetime.combine(day, start, zone)
            before, after = (landing(tenant, number, caller, at) for tenant in (old, new))
            if before == after:
                continue
            end = times[index + 1] if index + 1 < len(times) else None
            spans = out.setdefault((before, after), {}).setdefault(day, [])
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    return out


def landing(tenant: Tenant, number: str, caller: Caller, at: datetime) -> str:
    """Where a call of `number` leaves the flows; places that ring for a while first are joined by arrows."""
    entry = tenant.numbers[number]
    trunk = tenant.trunks[entry.trunk].key if entry.trunk else next((t.key for t in tenant.trunks.values()), "")
    facts = Facts(
        at=at,
        caller=caller.number,
        number=number,
        language=tenant.languages[0],
        overrides=caller.overrides,
        queues=caller.queues,
        lookups=caller.lookups,
    )
    to = decide.inbound(tenant, number, trunk, at).to
    way: list[str] = []
    for _ in range(MAX_FLOWS):
        if to.kind != "flow":
            return " → ".join([*way, str(to)])
        flow, start = tenant.flows[to.value], 0
        decision = decide.flow(tenant, flow, facts)
        while (decision.otherwise_next or decision.asks) and decision.next_step is not None:
            if not decision.asks:
                way.append(f"{decision.to} for {decision.for_ or 20:g} s")
            start = decision.next_step
            decision = decide.flow(tenant, flow, facts, start=start)
        to = decision.to
    return "a loop"


# --- the grid ---------------------------------------------------------------------------------------------------------


def _grid(old: Tenant, new: Tenant, first: date) -> dict[date, list[time]]:
    """For each day the times at which something may change: midnight and every edge of hours in a schedule."""
    edges = {time(0)}
    days = {first + timedelta(days=number) for number in range(DAYS)}
    for tenant in (old, new):
        for hours in _all_hours(tenant):
            edges |= {hours.start} | ({hours.end} if hours.end else set())
        edges |= set(_shifted(tenant, edges, first))
        days |= {one.until + timedelta(days=1) for one in tenant.numbers.values() if one.until and one.until >= first}
        for calendar in tenant.calendars.values():
            for entry in calendar.days:
                days |= {day for day in (entry.first, entry.last) if first <= day <= first + AHEAD}
    return {day: sorted(edges) for day in sorted(days)}


def _all_hours(tenant: Tenant) -> Iterator[Hours]:
    for schedule in tenant.schedules.values():
        for rule in schedule.open:
            yield from rule.hours
    for calendar in tenant.calendars.values():
        for entry in calendar.days:
            yield from entry.hours


def _shifted(tenant: Tenant, edges: Iterable[time], first: date) -> Iterator[time]:
    """The edges of schedules in other zones, on the tenant's clock."""
    own = ZoneInfo(tenant.timezone)
    for schedule in tenant.schedules.values():
        if schedule.timezone and schedule.timezone != tenant.timezone:
            zone = ZoneInfo(schedule.timezone)
            yield from (datetime.combine(first, edge, zone).astimezone(own).time() for edge in list(edges))


def _callers(old: Tenant, new: Tenant) -> list[Caller]:
    """One caller for each list, number and prefix that a condition names, a hidden one, and one whom nobody knows."""
    found: dict[str, Caller] = {}
    for tenant in (old, new):
        for condition in _conditions(tenant):
            if not isinstance(condition, CallerIs):
                continue
            for name in condition.lists:
                entries = tenant.lists[name]
                for number in [*sorted(entries.numbers)[:1], *(_longer(prefix) for prefix in entries.prefixes[:1])]:
                    found.setdefault(f"list/{name}", Caller(f"callers of list/{name}", number))
            for number in sorted(condition.numbers):
                found.setdefault(number, Caller(f"caller {number}", number))
            for prefix in condition.prefixes:
                found.setdefault(prefix, Caller(f"callers {prefix}…", _longer(prefix)))
    return [Caller(OTHERS, _NOBODY), *found.values(), Caller(HIDDEN, None), *_circumstances(old, new)]


def _circumstances(old: Tenant, new: Tenant) -> Iterator[Caller]:
    """Other callers when one thing is otherwise: a switch is on, a queue full, something known, a lot drawn."""
    conditions = [one for tenant in (old, new) for one in _conditions(tenant)]
    switches = dict.fromkeys(name for one in conditions if isinstance(one, OverrideOn) for name in one.overrides)
    for name in switches:
        yield Caller(f"{OTHERS} while override/{name} is on", _NOBODY, overrides=frozenset({name}))
    states = dict.fromkeys(state for one in conditions if isinstance(one, QueueIs) for state in one.states)
    for queue, state in states:
        if state != "free":  # which they are without a word
            yield Caller(f"{OTHERS} while queue/{queue} is {state}", _NOBODY, queues={queue: state})
    facts = dict.fromkeys((one.fact, value) for one in conditions if isinstance(one, FactIs) for value in one.values)
    for fact, value in facts:
        known = f"user/{next(iter(new.users), '')}" if value == "present" else value
        yield Caller(f"{OTHERS} with {fact} {known}", _NOBODY, lookups={fact: known})
    draws: dict[str, set[int]] = {}
    for one in conditions:
        if isinstance(one, Share):
            draws.setdefault(one.draw, set()).add(one.percent)
    for draw, parts in draws.items():
        for first, last in pairwise(sorted({0, 100} | parts)):
            number = _drawn(new, draw, first, last)
            yield Caller(f"{OTHERS} whose lot in flow/{draw} is {first + 1} to {last} of 100", number)


def _drawn(tenant: Tenant, draw: str, first: int, last: int) -> str:
    """A caller whom nobody knows and whose lot lies between these."""
    numbers = (f"{_NOBODY[:-4]}{number:04}" for number in range(10_000))
    return next((each for each in numbers if first <= share_of(tenant, each, draw) < last), _NOBODY)


def _longer(prefix: str) -> str:
    return prefix + "0" * max(0, 12 - len(prefix))


def _alike(old: Tenant, new: Tenant, asked: Collection[str]) -> list[list[str]]:
    """Numbers of both, those together that no condition tells apart."""
    named = {
        number
        for tenant in (old, new)
        for one in _conditions(tenant)
        if isinstance(one, NumberIs)
        for number in one.numbers
    }
    groups: dict[object, list[str]] = {}
    for number in asked:
        if number in old.numbers and number in new.numbers:
            entries = [(one.to, one.trunk, one.state, one.until) for one in (old.numbers[number], new.numbers[number])]
            groups.setdefault(number if number in named else tuple(entries), []).append(number)
    return list(groups.values())


def _conditions(tenant: Tenant) -> Iterator[object]:
    for flow in tenant.flows.values():
        yield from _inner(flow)


def _inner(value: object) -> Iterator[object]:
    if isinstance(value, tuple):
        for part in value:
            yield from _inner(part)
    elif isinstance(value, Flow) or is_dataclass(value):
        yield value
        for part in fields(value):
            yield from _inner(getattr(value, part.name))
