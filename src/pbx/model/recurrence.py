"""RFC 5545 rules as days: of a rule only its days count, the hours stand beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_TIMES = re.compile(r";BY(HOUR|MINUTE|SECOND)=[^;]*")
_UNTIL = re.compile(r"UNTIL=([0-9TZ]+)")


def days_only(text: str, zone: str) -> str:
    """The rule with every time taken out: DTSTART, EXDATE, RDATE and UNTIL name days, as they are in `zone`.

    So an EXDATE that is written as a day takes out an occurrence at nine o'clock, and one in UTC the day that it is for
    people there. Words that are no dates stay as they are, for the parser to refuse.
    """
    return "\n".join(_line(line, zone) for line in text.split())


def _line(line: str, zone: str) -> str:
    name, colon, value = line.partition(":")
    kind = name.partition(";")[0].upper()
    if kind in ("DTSTART", "EXDATE", "RDATE") and colon:
        return f"{kind}:{','.join(_day(each.partition('/')[0], zone) for each in value.split(','))}"
    if not colon or kind in ("RRULE", "EXRULE"):
        rule = _TIMES.sub("", f";{value if colon else name}").removeprefix(";")
        rule = _UNTIL.sub(lambda found: f"UNTIL={_day(found[1], zone)}", rule)
        return f"{kind}:{rule}" if colon else rule
    return line


def _day(text: str, zone: str) -> str:
    """`20260105T210000Z` → midnight of the day that it is in the zone."""
    if not text.endswith("Z"):
        return f"{text[:8]}T000000" if re.fullmatch(r"[0-9]{8}(T[0-9]{6})?", text) else text
    try:
        at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return f"{at.astimezone(ZoneInfo(zone)):%Y%m%d}T000000"
    except (ValueError, OverflowError):
        return text
