"""What follows from a condition, for the forms that can be told for sure; in doubt nothing follows."""

from __future__ import annotations

from collections.abc import Iterable

from pbx.model.objects import (
    AllOf,
    AnyOf,
    Between,
    CallerIs,
    Closed,
    Condition,
    LanguageIs,
    Not,
    NumberIs,
    Open,
    Tenant,
)


def implies(tenant: Tenant, one: Condition, other: Condition) -> bool:
    """Does `other` hold whenever `one` does?"""
    one, other = _simple(one), _simple(other)
    if one == other:
        return True
    if isinstance(other, AllOf):
        return all(implies(tenant, one, part) for part in other.conditions)
    if isinstance(one, AnyOf):
        return all(implies(tenant, part, other) for part in one.conditions)
    if isinstance(other, AnyOf) and any(implies(tenant, one, part) for part in other.conditions):
        return True
    if isinstance(one, AllOf):
        return any(implies(tenant, part, other) for part in one.conditions)
    return _leaf_implies(tenant, one, other)


def _leaf_implies(tenant: Tenant, one: Condition, other: Condition) -> bool:
    match one, other:
        case Not(first), Not(second):
            return implies(tenant, second, first)
        case NumberIs(few), NumberIs(many):
            return few <= many
        case LanguageIs(fewer), LanguageIs(more):
            return fewer <= more
        case (Open(some), Open(all_)) | (Closed(some), Closed(all_)):
            return set(some) <= set(all_)
        case Between(), Between():
            return other.first <= one.first and one.last <= other.last
        case CallerIs(), CallerIs():
            return _callers_within(_spread(tenant, one), _spread(tenant, other))
    return False


def take_all(tenant: Tenant, conditions: Iterable[Condition]) -> bool:
    """Does one of these hold for every call? (open and closed of one schedule, a condition and its `not`)"""
    parts = [part for condition in conditions for part in _parts(_simple(condition))]
    return any(implies(tenant, _simple(Not(one)), other) for one in parts for other in parts)


def _parts(condition: Condition) -> list[Condition]:
    if isinstance(condition, AnyOf):
        return [inner for part in condition.conditions for inner in _parts(_simple(part))]
    if isinstance(condition, Open) and len(condition.schedules) > 1:
        return [Open((name,)) for name in condition.schedules]
    if isinstance(condition, Closed) and len(condition.schedules) > 1:
        return [Closed((name,)) for name in condition.schedules]
    return [condition]


def never(tenant: Tenant, condition: Condition) -> bool:
    """Can it never hold: two parts that exclude each other?"""
    condition = _simple(condition)
    if isinstance(condition, AnyOf):
        return all(never(tenant, part) for part in condition.conditions)
    if not isinstance(condition, AllOf):
        return False
    parts = [_simple(part) for part in condition.conditions]
    return any(implies(tenant, one, _simple(Not(other))) for one in parts for other in parts if one is not other)


def both(conditions: Iterable[Condition | None]) -> Condition:
    """All of them at once."""
    return AllOf(tuple(part for each in conditions if each is not None for part in _all_parts(each)))


def _all_parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.conditions if isinstance(condition, AllOf) else (condition,)


def _simple(condition: Condition) -> Condition:
    """`not` moved inward where that is exact: not open is closed (of one schedule), not not is nothing."""
    if not isinstance(condition, Not):
        return condition
    match _simple(condition.condition):
        case Not(inner):
            return inner
        case Open((name,)):
            return Closed((name,))
        case Closed((name,)):
            return Open((name,))
        case AnyOf(parts):
            return AllOf(tuple(_simple(Not(part)) for part in parts))
        case AllOf(parts):
            return AnyOf(tuple(_simple(Not(part)) for part in parts))
    return condition


def _spread(tenant: Tenant, condition: CallerIs) -> CallerIs:
    """With the lists' contents in place of their names."""
    lists = [tenant.lists[name] for name in condition.lists]
    return CallerIs(
        numbers=condition.numbers.union(*(each.numbers for each in lists)),
        prefixes=(*condition.prefixes, *(prefix for each in lists for prefix in each.prefixes)),
        anonymous=condition.anonymous or any(each.anonymous for each in lists),
    )


def _callers_within(one: CallerIs, other: CallerIs) -> bool:
    return (
        all(number in other.numbers or number.startswith(other.prefixes) for number in one.numbers)
        and all(prefix.startswith(other.prefixes) for prefix in one.prefixes)
        and (other.anonymous or not one.anonymous)
    )
