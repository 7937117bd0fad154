"""A condition of a flow in a few words, as a person would say it."""

from __future__ import annotations

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
)


def condition_words(condition: Condition | None) -> str:
    """`closed schedule/office`, `caller in list/blocked`; `always` when there is none."""
    match condition:
        case None:
            return "always"
        case AllOf(parts):
            return " and ".join(condition_words(part) for part in parts)
        case AnyOf(parts):
            return " or ".join(condition_words(part) for part in parts)
        case Not(part):
            return f"not ({condition_words(part)})"
        case CallerIs():
            return f"caller {_callers(condition)}"
        case NumberIs(numbers):
            return f"called {', '.join(sorted(numbers))}"
        case Open(schedules):
            return f"open {', '.join(f'schedule/{name}' for name in schedules)}"
        case Closed(schedules):
            return f"closed {', '.join(f'schedule/{name}' for name in schedules)}"
        case LanguageIs(languages):
            return f"language {', '.join(sorted(languages))}"
        case Between(first, last):
            return f"from {first} through {last}"
        case OverrideOn(overrides):
            return f"{', '.join(f'override/{name}' for name in overrides)} switched on"
        case Share(percent):
            return f"{percent} % of the callers"
        case QueueIs(states):
            return " and ".join(f"queue/{name} is {state}" for name, state in states)
        case FactIs(fact, values):
            return f"{fact} is {' or '.join(map(str, values))}"


def _callers(condition: CallerIs) -> str:
    names = [f"in list/{name}" for name in condition.lists]
    names += sorted(condition.numbers) + [f"{prefix}…" for prefix in condition.prefixes]
    return " or ".join([*names, *(["hidden"] if condition.anonymous else [])])
