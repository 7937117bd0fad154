"""Hours of many days in few words: `MO–FR 09:00–10:00`, `always`, `2026-12-31 09:00–14:00`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time

Spans = Mapping[date, Sequence[tuple[time, time | None]]]
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ALL_DAY = [(time(0), None)]
SHOWN = 6  # single dates that are named


def in_words(spans: Spans, days: Sequence[date]) -> str:
    """`days` are those that were looked at; a weekday is named when it is the same on each of them."""
    if all(list(spans.get(day, ())) == ALL_DAY for day in days):
        return "always"
    regular: dict[str, list[str]] = {}
    told: set[date] = set()
    for number, name in enumerate(WEEKDAYS):
        same = [day for day in days if day.weekday() == number]
        texts = {_hours(spans.get(day, ())) for day in same}
        if len(same) > 1 and len(texts) == 1 and (text := texts.pop()):
            regular.setdefault(text, []).append(name)
            told |= set(same)
    parts = [f"{_range(names)} {text}" for text, names in regular.items()]
    single: dict[str, list[date]] = {}
    for day in sorted(set(spans) - told):
        single.setdefault(_hours(spans[day]), []).append(day)
    for text, dates in single.items():
        names = [str(day) for day in dates[:SHOWN]]
        more = f" and {len(dates) - SHOWN} days more" if len(dates) > SHOWN else ""
        parts.append(f"{', '.join(names)}{more} {text}")
    return "; ".join(parts)


def _hours(spans: Sequence[tuple[time, time | None]]) -> str:
    if list(spans) == ALL_DAY:
        return "all day"
    return ", ".join(f"{start:%H:%M}–{f'{end:%H:%M}' if end else '24:00'}" for start, end in spans)


def _range(names: list[str]) -> str:
    """`MO–FR` for days in a row, else `MO, WE`."""
    first = WEEKDAYS.index(names[0])
    if len(names) > 2 and names == list(WEEKDAYS[first : first + len(names)]):
        return f"{names[0]}–{names[-1]}"
    return ", ".join(names)
