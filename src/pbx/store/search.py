"""Looking for call records: a page of a tenant's, newest first, by exact matches and a stretch of time.

Pages go on behind the last record of the page before (its start and id), so that a page costs the same wherever it is
and new calls move nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pbx.store.database import Database

MATCHED = ("direction", "caller", "dialled", "number", "disposition")  # columns that may be asked for
PARTS = ("path", "reasons", "facts")  # kept as JSON
COLUMNS = (
    "id", "direction", "caller", "dialled", "number", "source", "started", "answered", "ended", "disposition", "code",
    "answered_by", "hung_up_by", "revision",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """`since` and `until` are milliseconds of UTC, the second left out; `after` the (started, id) of the record before.
    `legs` are labels of devices (`device anna-desk`) or sources: one of them called or answered."""

    tenant: str
    since: int | None = None
    until: int | None = None
    matches: Mapping[str, str] | None = None
    legs: Sequence[str] | None = None
    after: tuple[int, str] | None = None
    call_id: str | None = None


def records(db: Database, wanted: Wanted, *, most: int, whole: bool = False) -> list[dict[str, Any]]:
    """The records of calls that are over or not; with `whole` also path, reasons and facts. Raises FAILURES."""
    where, values = _where(wanted)
    columns = ", ".join((*COLUMNS, *(PARTS if whole else ())))
    rows = db.execute(
        f"SELECT {columns} FROM cdr WHERE {where} ORDER BY started DESC, id DESC LIMIT :most", {**values, "most": most}
    ).fetchall()
    found = [dict(zip((*COLUMNS, *PARTS), row, strict=False)) for row in rows]
    if whole:
        for record in found:
            record |= {part: orjson.loads(record[part] or "null") for part in PARTS}
    return found


def _where(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    parts, values = ["tenant = :tenant"], {"tenant": wanted.tenant}
    more: dict[str, Any] = dict(values)

    def also(condition: str, **named: Any) -> None:
        parts.append(condition)
        more.update(named)

    if wanted.call_id is not None:
        also("id = :id", id=wanted.call_id)
    if wanted.since is not None:
        also("started >= :since", since=wanted.since)
    if wanted.until is not None:
        also("started < :until", until=wanted.until)
    for column, value in (wanted.matches or {}).items():
        if column not in MATCHED:
            raise ValueError(f"not a column to look for: {column}")
        also(f"{column} = :{column}", **{column: value})
    if wanted.legs is not None:
        names = {f"leg{index}": leg for index, leg in enumerate(wanted.legs)} or {"leg0": ""}
        among = ", ".join(f":{name}" for name in names)
        also(f"(source IN ({among}) OR answered_by IN ({among}))", **names)
    if wanted.after is not None:
        started, call_id = wanted.after
        also("(started < :after OR (started = :after AND id < :after_id))", after=started, after_id=call_id)
    return " AND ".join(parts), more
