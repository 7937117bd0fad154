"""The last number that each telephone dialled and was called by, in the store: what the record of a call that is over
says, so that nothing else is written while it lasts.

A telephone is a leg's label or a call's source: `device anna-desk`, `api anna`. The number is as it was dialled, or
shown; "" for a caller who hid it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pbx.store.database import Database

SCHEMA = """CREATE TABLE last_number (
  tenant TEXT NOT NULL, telephone TEXT NOT NULL, way TEXT NOT NULL, number TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (tenant, telephone, way)
)"""
ASKED = ("source", "started", "facts", "dialled", "path", "caller")  # what `told` asks of a record
DIALLED, CALLED_BY = "dialled", "called_by"

_SAY = """INSERT INTO last_number (tenant, telephone, way, number, at) VALUES (:tenant, :telephone, :way, :number, :at)
ON CONFLICT (tenant, telephone, way) DO UPDATE SET number = excluded.number, at = excluded.at
WHERE last_number.at < excluded.at"""


class Last(NamedTuple):
    """`at` are milliseconds of UTC."""

    telephone: str
    way: str
    number: str
    at: int


def told(record: Mapping[str, Any]) -> Iterator[Last]:
    """What a call says of the telephones in it. A feature code is no number, unless the call says which it led to
    (`facts.dials`); an emergency number is dialled again by nobody's mistake."""
    source, started, facts = str(record["source"]), record["started"], record.get("facts") or {}
    kind, _, user = source.partition(" ")
    number = facts.get("dials") or record["dialled"]
    is_emergency = bool(record["path"]) and str(record["path"][0]).startswith("emergency/")
    if kind != "trunk" and not is_emergency and ("dials" in facts or not number.startswith("*")):
        yield Last(source, DIALLED, number, started)
    own = f"device {user}-" if kind == "api" else source  # the caller's own telephones, rung first
    for leg in facts.get("legs", ()):
        if leg["leg"].startswith("device ") and not leg["leg"].startswith(own):
            yield Last(leg["leg"], CALLED_BY, record["caller"] or "", started + leg["at"])


def say(db: Database, record: Mapping[str, Any]) -> None:
    """Keep what the record says; an older word than the store has changes nothing."""
    for last in told(record):
        db.execute(_SAY, {"tenant": record["tenant"], **last._asdict()})


def of(db: Database, tenant: str, telephones: Sequence[str]) -> list[Last]:
    """What is known of these telephones."""
    if not telephones:
        return []
    names = {f"t{index}": telephone for index, telephone in enumerate(telephones)}
    among = ", ".join(f":{name}" for name in names)
    rows = db.execute(
        f"SELECT telephone, way, number, at FROM last_number WHERE tenant = :tenant AND telephone IN ({among})",
        {"tenant": tenant, **names},
    ).fetchall()
    return [Last(*row) for row in rows]
