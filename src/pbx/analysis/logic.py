"""What follows from a condition, for the forms that can be told for sure; in doubt nothing follows.

Conditions are compared in a plain form (`plain`): lists of callers by their contents, `not` moved inward as far as that
is exact, each schedule for itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from pbx.model.objects import (
    AllOf,
    AnyOf,
    Between,
    CallerIs,
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

MOST_PARTS = 64  # of one condition; a larger one is left alone, so that no model makes this slow
LONG_LIST = 1_000  # numbers; a longer list is compared by its name


def plain(tenant: Tenant, condition: Condition) -> Condition:
    """The condition in the form that the other functions here compare."""
    match condition:
        case Not(inner):
            return negated(plain(tenant, inner))
        case AllOf(parts):
            return all_of(plain(tenant, part) for part in parts)
        case AnyOf(parts):
            return any_of(plain(tenant, part) for part in parts)
        case Open(schedules):
            return any_of(Open((name,)) for name in schedules)
        case Closed(schedules):
            return any_of(Closed((name,)) for name in schedules)
        case CallerIs():
            return _spread(tenant, condition)
    return condition


def negated(condition: Condition) -> Condition:
    """`not` of a plain condition: not open is closed, not any is all not."""
    match condition:
        case Not(inner):
            return inner
        case Open(schedules):
            return Closed(schedules)
        case Closed(schedules):
            return Open(schedules)
        case AnyOf(parts):
            return all_of(negated(part) for part in parts)
        case AllOf(parts):
            return any_of(negated(part) for part in parts)
    return Not(condition)


def all_of(conditions: Iterable[Condition]) -> Condition:
    """All of them, flat; a single one stands for itself."""
    parts = [part for each in conditions for part in (each.conditions if isinstance(each, AllOf) else (each,))]
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Any of them, flat; a single one stands for itself."""
    parts = any_parts(conditions)
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def any_parts(conditions: Iterable[Condition]) -> list[Condition]:
    return [part for each in conditions for part in (each.conditions if isinstance(each, AnyOf) else (each,))]


def implies(one: Condition, other: Condition) -> bool:
    """Does `other` hold whenever `one` does? Both are plain."""
    if one == other:
        return True
    if _large(one) or _large(other):
        return False
    if isinstance(other, AllOf):
        return all(implies(one, part) for part in other.conditions)
    if isinstance(one, AnyOf):
        return all(implies(part, other) for part in one.conditions)
    if isinstance(other, AnyOf) and any(implies(one, part) for part in other.conditions):
        return True
    if isinstance(one, AllOf):
        return any(implies(part, other) for part in one.conditions)
    return _leaf_implies(one, other)


def never(condition: Condition) -> bool:
    """Can a plain condition never hold: two parts that exclude each other?"""
    if isinstance(condition, AnyOf):
        return all(map(never, condition.conditions))
    if not isinstance(condition, AllOf) or _large(condition):
        return False
    parts = condition.conditions
    return any(never(part) or excludes(part, parts[:index]) for index, part in enumerate(parts))


def excludes(condition: Condition, others: Iterable[Condition]) -> bool:
    """Can it not hold together with one of the others?"""
    return any(implies(other, negated(condition)) for other in others)


def _leaf_implies(one: Condition, other: Condition) -> bool:
    match one, other:
        case Not(first), Not(second):
            return implies(second, first)
        case NumberIs(few), NumberIs(many):
            return few <= many
        case LanguageIs(fewer), LanguageIs(more):
            return fewer <= more
        case NumberIs(few), Not(NumberIs(many)):
            return few.isdisjoint(many)
        case LanguageIs(fewer), Not(LanguageIs(more)):
            return fewer.isdisjoint(more)
        case Between(), Between():
            return other.first <= one.first and one.last <= other.last
        case Between(), Not(Between() as days):
            return days.last < one.first or one.last < days.first
        case CallerIs(), CallerIs():
            return _callers_within(one, other)
        case OverrideOn(some), OverrideOn(more_of_them):
            return set(some) <= set(more_of_them)
        case Share(part, draw), Share(larger, other_draw):
            return draw == other_draw and part <= larger  # another share draws lots of its own
        case FactIs(fact, values), FactIs(other_fact, wanted):
            return fact == other_fact and (set(values) <= set(wanted) or "present" in wanted)
        case FactIs(fact, values), Not(FactIs(other_fact, wanted)):
            return fact == other_fact and "present" not in (*values, *wanted) and set(values).isdisjoint(wanted)
        case QueueIs(states), QueueIs(fewer_states):
            return set(fewer_states) <= set(states)
    return False


def _large(condition: Condition) -> bool:
    """Too many parts, or parts in parts, to compare them all with each other."""
    return isinstance(condition, AllOf | AnyOf) and _size(condition) > MOST_PARTS


def _size(condition: Condition) -> int:
    if isinstance(condition, AllOf | AnyOf):
        return sum(_size(part) * (2 if isinstance(part, AllOf | AnyOf) else 1) for part in condition.conditions)
    return 1


def _spread(tenant: Tenant, condition: CallerIs) -> CallerIs:
    """With the contents of short lists in place of their names."""
    long = tuple(name for name in condition.lists if len(tenant.lists[name].numbers) > LONG_LIST)
    lists = [tenant.lists[name] for name in condition.lists if name not in long]
    return CallerIs(
        lists=long,
        numbers=condition.numbers.union(*(each.numbers for each in lists)),
        prefixes=(*condition.prefixes, *(prefix for each in lists for prefix in each.prefixes)),
        anonymous=condition.anonymous or any(each.anonymous for each in lists),
    )


def _callers_within(one: CallerIs, other: CallerIs) -> bool:
    return (
        set(one.lists) <= set(other.lists)
        and (other.anonymous or not one.anonymous)
        and all(prefix.startswith(other.prefixes) for prefix in one.prefixes)
        and all(number in other.numbers or number.startswith(other.prefixes) for number in one.numbers)
    )
