"""The contract of every module of pbx.core: its states, and what it tells of a run.

A result has `changed`, `actions[{op, kind, id, fields}]`, `before` and `after` (by kind and id, only what the actions
touch) and `digest` of the wanted state; in check mode and in real mode the same. Values of secrets are never in it.
Standard library only (runs on targets).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "SECRET",
    "SECRET_CHANGED",
    "Step",
    "action",
    "aim",
    "digest_of",
    "named",
    "report",
    "result",
    "state_option",
]

#: How a secret's value stands in a result: as it is wanted, and something else.
SECRET, SECRET_CHANGED = "(secret)", "(secret changed)"
#: Actions are all told; values before and after of so many of them (a first apply of 10,000 users is 5 MB otherwise).
MOST_VALUES = 1000


@dataclass(frozen=True)
class Step:
    """One thing to do. `before` is what is there, `after` what is wanted, each as it may be printed; None is absent."""

    op: str
    kind: str
    id: str
    before: Any = None
    after: Any = None
    fields: tuple[str, ...] = ()


def state_option(*states: str) -> dict[str, Any]:
    """The option `state` with its choices; the first is the default."""
    return {"type": "str", "choices": list(states), "default": states[0]}


def aim(
    state: str, want: Mapping[str, Any], have: Mapping[str, Any], part: Callable[[str, Any], Any] | None = None
) -> dict[str, Any]:
    """Name → what is wanted, None for what has to go. A name that is not in it is not the business of this run.

    `overridden`: all that is not named goes. `merged`: nothing goes. `replaced`: of each part (`part(name, value)`)
    that a named thing is in, what is not named goes. `deleted`: the named ones go.
    """
    if state == "deleted":
        return dict.fromkeys(want)
    surplus = [name for name in have if name not in want] if state in ("overridden", "replaced") else []
    if state == "replaced":
        parts = {part(name, value) for name, value in want.items()} if part else set()
        surplus = [name for name in surplus if part and part(name, have[name]) in parts]
    return {**want, **dict.fromkeys(surplus)}


def action(op: str, kind: str, id: str, fields: Iterable[str] = ()) -> dict[str, Any]:
    """One thing to do: op is create, update, delete, start, stop, restart, reload, enable or load."""
    return {"op": op, "kind": kind, "id": id, "fields": sorted(fields)}


def digest_of(wanted: Any) -> str:
    """Of the wanted state, secrets by name: 12 hexadecimal digits that tell whether two runs want the same."""
    text = json.dumps(wanted, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def result(
    actions: list[dict[str, Any]],
    diff: list[dict[str, Any]] | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    wanted: Any = None,
    **more: Any,
) -> Mapping[str, Any]:
    """The keyword arguments of `exit_json`: changed follows from the actions, never from anything else."""
    found = {
        "before": before or {},
        "after": after or {},
        "digest": digest_of(after or {} if wanted is None else wanted),
    }
    return {"changed": bool(actions), "actions": actions, "diff": diff or [], **found, **more}


def report(steps: Iterable[Step], wanted: Any, diff: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """The result of a run that takes these steps; without a diff of its own the steps' values are shown."""
    steps = list(steps)
    actions = [action(one.op, one.kind, one.id, one.fields) for one in steps]
    before, after = _sides(steps[:MOST_VALUES], "before"), _sides(steps[:MOST_VALUES], "after")
    shown = _diff(before, after) if diff is None else diff
    return dict(result(actions, shown, before=before, after=after, wanted=wanted, **more))


def named(steps: Iterable[Step], most: int = 20) -> str:
    """`kind id` of the first of them, for a message that they did not hold."""
    names = [f"{one.kind} {one.id}" for one in steps]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _sides(steps: list[Step], side: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in steps:
        value = getattr(one, side)
        if value is not None:
            found.setdefault(one.kind, {})[one.id] = value
    return found


def _diff(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """One before and after for each kind, a line for each thing."""
    return [
        {
            "before_header": kind,
            "after_header": kind,
            "before": _lines(before.get(kind, {})),
            "after": _lines(after.get(kind, {})),
        }
        for kind in dict.fromkeys([*before, *after])
        if before.get(kind) != after.get(kind)
    ]


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_text(value)}\n" for name, value in values.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
