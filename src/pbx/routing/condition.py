"""Does a condition of a flow hold? Returns the answer and the reason, for `explain` and the CDR."""

from __future__ import annotations

import hashlib
from zoneinfo import ZoneInfo

from pbx.model.objects import (
    AllOf,
    AnyOf,
    Between,
    CallerIs,
    CallerList,
    Closed,
    Condition,
    FactIs,
    LanguageIs,
    Not,
    NumberIs,
    Open,
    OverrideOn,
    QueueIs,
    Share,
    Tenant,
)
from pbx.routing.decision import Facts
from pbx.routing.schedule import is_open


def holds(condition: Condition, tenant: Tenant, facts: Facts) -> tuple[bool, str]:
    """Evaluate `condition` for `facts`; the reason names what decided."""
    match condition:
        case AllOf(parts):
            return _all(parts, tenant, facts)
        case AnyOf(parts):
            return _any(parts, tenant, facts)
        case Not(part):
            held, why = holds(part, tenant, facts)
            return not held, f"not ({why})"
        case CallerIs():
            return _caller(condition, tenant, facts)
        case NumberIs(numbers):
            return facts.number in numbers, f"number is {facts.number}"
        case LanguageIs(languages):
            return facts.language in languages, f"language is {facts.language}"
        case Open(schedules):
            return _schedules(schedules, True, tenant, facts)
        case Closed(schedules):
            return _schedules(schedules, False, tenant, facts)
        case Between(first, last):
            day = facts.at.astimezone(ZoneInfo(tenant.timezone)).date()
            return first <= day <= last, f"date is {day}"
        case OverrideOn(overrides):
            on = [name for name in overrides if name in facts.overrides]
            return bool(on), f"override/{on[0]} is on" if on else "no override is on"
        case Share(percent):
            drawn = share_of(tenant, facts)
            return drawn < percent, f"the caller is among {drawn + 1} of 100, {percent} % is asked"
        case QueueIs(states):
            return _queues(states, facts)
        case FactIs():
            return _fact(condition, facts)


def share_of(tenant: Tenant, facts: Facts) -> int:
    """Where a caller stands in a share, 0 to 99: the same for the same caller and number, whenever they call."""
    drawn = hashlib.sha256(f"{tenant.id}|{facts.number}|{facts.caller}".encode()).digest()
    return int.from_bytes(drawn[:4], "big") % 100


def _queues(states: tuple[tuple[str, str], ...], facts: Facts) -> tuple[bool, str]:
    for name, state in states:
        known = facts.queues.get(name, "free")
        if known != state:
            return False, f"queue/{name} is {known}"
    return True, " and ".join(f"queue/{name} is {state}" for name, state in states)


def _fact(condition: FactIs, facts: Facts) -> tuple[bool, str]:
    known = facts.lookups.get(condition.fact)
    if known is None:
        return False, f"{condition.fact} is not known"
    return known in condition.values or "present" in condition.values, f"{condition.fact} is {known}"


def _all(parts: tuple[Condition, ...], tenant: Tenant, facts: Facts) -> tuple[bool, str]:
    whys = []
    for part in parts:
        held, why = holds(part, tenant, facts)
        if not held:
            return False, why
        whys.append(why)
    return True, "; ".join(whys)


def _any(parts: tuple[Condition, ...], tenant: Tenant, facts: Facts) -> tuple[bool, str]:
    whys = []
    for part in parts:
        held, why = holds(part, tenant, facts)
        if held:
            return True, why
        whys.append(why)
    return False, "; ".join(whys)


def _caller(condition: CallerIs, tenant: Tenant, facts: Facts) -> tuple[bool, str]:
    if _matches(facts.caller, condition.numbers, condition.prefixes, condition.anonymous):
        return True, f"caller is {facts.caller or 'hidden'}"
    for name in condition.lists:
        entries: CallerList = tenant.lists[name]
        if _matches(facts.caller, entries.numbers, entries.prefixes, entries.anonymous):
            return True, f"caller {facts.caller or 'hidden'} is in list/{name}"
    return False, f"caller {facts.caller or 'hidden'} is not meant"


def _matches(caller: str | None, numbers: frozenset[str], prefixes: tuple[str, ...], anonymous: bool) -> bool:
    if caller is None:
        return anonymous
    return caller in numbers or caller.startswith(prefixes)


def _schedules(names: tuple[str, ...], wanted: bool, tenant: Tenant, facts: Facts) -> tuple[bool, str]:
    whys = []
    for name in names:
        state, why = is_open(tenant.schedules[name], tenant.calendars, facts.at, default_zone=tenant.timezone)
        if state is wanted:
            return True, f"schedule/{name} {why}"
        whys.append(f"schedule/{name} {why}")
    return False, "; ".join(whys)
