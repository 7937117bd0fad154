"""How many calls may leave to the outside: against stolen passwords and forwarding to dear numbers (behaviour R06).

Counted is each call that may leave, also to mobiles of people and by forwarding, answered or not; never an emergency.
A minute is the last 60 s, a day that of the tenant's clock.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pbx.model.objects import Tenant
from pbx.model.services import CallLimit
from pbx.routing.reason import Reason

MINUTE = 60.0  # seconds
ALL, EXPENSIVE, PERSON = "outside", "expensive", "user"  # as in the grammar


class Outgoing:
    """Of one tenant: what has left. Nothing is kept for limits that the model does not name."""

    def __init__(self) -> None:
        self._minutes: dict[str, deque[float]] = {}
        self._day: date | None = None
        self._of_day: Counter[str] = Counter()

    def refused(self, tenant: Tenant, number: str, user: str | None, at: datetime) -> Reason | None:
        """Why one more call may not leave; when it may, it counts."""
        limits = tenant.limits
        asked: list[tuple[str, str, CallLimit]] = [(ALL, ALL, limits.outside)]
        if user is not None:
            asked.append((PERSON, f"{PERSON}/{user}", limits.user))
        if number.startswith(limits.expensive_prefixes):
            asked.append((EXPENSIVE, EXPENSIVE, limits.expensive))
        now, day = at.timestamp(), at.astimezone(ZoneInfo(tenant.timezone)).date()
        if day != self._day:
            self._day, self._of_day = day, Counter()
        for limit, key, most in asked:
            if most.per_minute is not None and self._last_minute(key, now) >= most.per_minute:
                return _reached(limit, user, Reason("limit_minute", calls=most.per_minute))
            if most.per_day is not None and self._of_day[key] >= most.per_day:
                return _reached(limit, user, Reason("limit_day", calls=most.per_day))
        for _, key, most in asked:
            if most.per_minute is not None:
                self._minutes.setdefault(key, deque()).append(now)
            if most.per_day is not None:
                self._of_day[key] += 1
        return None

    def _last_minute(self, key: str, now: float) -> int:
        times = self._minutes.get(key)
        if times is None:
            return 0
        while times and times[0] <= now - MINUTE:
            times.popleft()
        if not times:
            del self._minutes[key]
        return len(times)


def _reached(limit: str, user: str | None, most: Reason) -> Reason:
    if limit == PERSON:
        return Reason("limit_of_user", user=user, most=most)
    return Reason("limit_of_expensive" if limit == EXPENSIVE else "limit_of_all", most=most)
