"""Does a condition of a flow hold? Returns the answer and the reason, for `explain` and the CDR."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pbx.model.objects import (
    AllOf,
    AnyOf,
    Between,
    CallerIs,
    CallerList,
    Closed,
    Condition,
    LanguageIs,
    Not,
    NumberIs,
    Open,
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
