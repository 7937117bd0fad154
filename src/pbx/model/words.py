"""The small words of a plain document as values: a length of time, hours, a destination, a reference."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import time
from typing import Any, TypeVar

from pbx.model import objects as o

A = TypeVar("A")
B = TypeVar("B")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """A length of time (`20s`, `800ms`, `90d`) in seconds."""
    digits = text.rstrip("dhms")
    return int(digits) * _UNITS[text[len(digits) :]]


def destination(value: Any) -> o.Destination:
    """The word `to`: `kind/id`, an E.164 number, {reject: 603}, {hang_up: true}, {from: crm.owner}."""
    if isinstance(value, str):
        if value.startswith("+"):
            return o.Destination("outside", value)
        kind, _, name = value.partition("/")
        return o.Destination(sys.intern(kind), name)
    if "reject" in value:
        return o.Destination("reject", str(value["reject"]))
    if "from" in value:
        return o.Destination("fact", value["from"])
    return o.Destination("hang_up")


def reference(value: str) -> str:
    """The id of `kind/id`."""
    return value.partition("/")[2]


def references(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(reference(value) for value in values)


def hours(text: str) -> o.Hours:
    """`"09:00-18:00"`."""
    start, _, end = text.partition("-")
    return o.Hours(time.fromisoformat(start), None if end == "24:00" else time.fromisoformat(end))


def some(value: A | None, make: Callable[[A], B]) -> B | None:
    return None if value is None else make(value)


def secret(value: Mapping[str, str]) -> str:
    """The name of a secret."""
    return value["secret"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
