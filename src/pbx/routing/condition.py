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
from pbx.routing.reason import Reason
from pbx.routing.schedule import is_open


def holds(condition: Condition, tenant: Tenant, facts: Facts) -> tuple[bool, Reason]:
    """Evaluate `condition` for `facts`; the reason names what decided."""
    match condition:
        case AllOf(parts):
            return _all(parts, tenant, facts)
        case AnyOf(parts):
            return _any(parts, tenant, facts)
        case Not(part):
            held, why = holds(part, tenant, facts)
            return not held, Reason("not", why=why)
        case CallerIs():
            return _caller(condition, tenant, facts)
        case NumberIs(numbers):
            return facts.number in numbers, Reason("number_is", number=facts.number)
        case LanguageIs(languages):
            return facts.language in languages, Reason("language_is", language=facts.language)
        case Open(schedules):
            return _schedules(schedules, True, tenant, facts)
        case Closed(schedules):
            return _schedules(schedules, False, tenant, facts)
        case Between(first, last):
            day = facts.at.astimezone(ZoneInfo(tenant.timezone)).date()
            return first <= day <= last, Reason("date_is", day=day)
        case OverrideOn(overrides):
            on = [name for name in overrides if name in facts.overrides]
            return bool(on), Reason("override_on", override=on[0]) if on else Reason("no_override_on")
        case Share(percent, draw):
            # Whoever hides the number draws anew with each call.
            drawn = share_of(tenant, facts.caller or f"hidden {facts.at.timestamp()}", draw)
            return drawn < percent, Reason("share", drawn=drawn + 1, percent=percent)
        case QueueIs(states):
            return _queues(states, facts)
        case FactIs():
            return _fact(condition, facts)


def share_of(tenant: Tenant, caller: str, draw: str) -> int:
    """Where a caller stands in a drawing of lots, 0 to 99: the same whenever and whatever number they call."""
    drawn = hashlib.sha256(f"{tenant.id}|{draw}|{caller}".encode()).digest()
    return int.from_bytes(drawn[:4], "big") % 100


def _queues(states: tuple[tuple[str, str], ...], facts: Facts) -> tuple[bool, Reason]:
    for name, state in states:
        known = facts.queues.get(name, "free")
        if known != state:
            return False, Reason("queue_is", queue=name, state=known)
    return True, Reason("all", whys=tuple(Reason("queue_is", queue=name, state=state) for name, state in states))


def _fact(condition: FactIs, facts: Facts) -> tuple[bool, Reason]:
    known = facts.lookups.get(condition.fact)
    if known is None:
        return False, Reason("fact_unknown", fact=condition.fact)
    held = known in condition.values or "present" in condition.values
    return held, Reason("fact_is", fact=condition.fact, value=known)


def _all(parts: tuple[Condition, ...], tenant: Tenant, facts: Facts) -> tuple[bool, Reason]:
    whys = []
    for part in parts:
        held, why = holds(part, tenant, facts)
        if not held:
            return False, why
        whys.append(why)
    return True, Reason("all", whys=tuple(whys))


def _any(parts: tuple[Condition, ...], tenant: Tenant, facts: Facts) -> tuple[bool, Reason]:
    whys = []
    for part in parts:
        held, why = holds(part, tenant, facts)
        if held:
            return True, why
        whys.append(why)
    return False, Reason("all", whys=tuple(whys))


def _caller(condition: CallerIs, tenant: Tenant, facts: Facts) -> tuple[bool, Reason]:
    caller = facts.caller or Reason("caller_hidden")
    if _matches(facts.caller, condition.numbers, condition.prefixes, condition.anonymous):
        return True, Reason("caller_is", caller=caller)
    for name in condition.lists:
        entries: CallerList = tenant.lists[name]
        if _matches(facts.caller, entries.numbers, entries.prefixes, entries.anonymous):
            return True, Reason("caller_in_list", caller=caller, list=name)
    return False, Reason("caller_not_meant", caller=caller)


def _matches(caller: str | None, numbers: frozenset[str], prefixes: tuple[str, ...], anonymous: bool) -> bool:
    if caller is None:
        return anonymous
    return caller in numbers or caller.startswith(prefixes)


def _schedules(names: tuple[str, ...], wanted: bool, tenant: Tenant, facts: Facts) -> tuple[bool, Reason]:
    whys = []
    for name in names:
        state, why = is_open(tenant.schedules[name], tenant.calendars, facts.at, default_zone=tenant.timezone)
        whys.append(Reason("schedule", schedule=name, why=why))
        if state is wanted:
            return True, whys[-1]
    return False, Reason("all", whys=tuple(whys))
