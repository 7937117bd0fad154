"""Recordings that are kept and can be heard, for those who look at the events of a call process."""

from __future__ import annotations

from typing import Any

from pbx.calls.live.exchange import Exchange
from pbx.store import recordings
from pbx.store.database import Database

OVERLAP = 60_000  # ms by which clocks of hosts may differ


class ReadyRecordings:
    """`since`: ms of UTC; what was kept before is no news."""

    def __init__(self, exchange: Exchange, since: int) -> None:
        self._exchange, self._since = exchange, since
        self._newest = since
        self._told: set[str] = set()

    def read(self, db: Database) -> list[dict[str, Any]]:
        """In the thread of the store: those that are new. Raises FAILURES."""
        rows = recordings.kept_since(db, max(self._since, self._newest - OVERLAP))
        news = [row for row in rows if row["id"] not in self._told]
        self._told = {row["id"] for row in rows}
        self._newest = max([self._newest, *(row["kept"] for row in rows)])
        return news

    def tell(self, rows: list[dict[str, Any]]) -> None:
        """Of the tenants that this process serves."""
        for row in rows:
            if row["tenant"] in self._exchange.leases:
                more = {"recording": row["id"], "policy": row["policy"], "seconds": row["length"] / 1000}
                self._exchange.events.tell_of("recording.ready", row["tenant"], row["call_id"], **more)
