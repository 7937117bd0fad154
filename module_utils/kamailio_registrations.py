"""Trunks that an edge registers at: rows of `uacreg` on disk, read at the start, and what the running Kamailio has.

A row is added and removed by itself. `uac.reg_reload` is never sent: it is refused within 150 s of the last one, and it
makes every trunk register anew. Proven with Kamailio 5.6.3; passwords are in the rows and in no result.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.pbx.core.plugins.module_utils.actions import SECRET, SECRET_CHANGED, Step
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import name_of, resolve
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rows import Command, RowChange
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, KamailioRpc
from ansible_collections.pbx.core.plugins.module_utils.kamailio_schema import create_tables

__all__ = ["Registration", "gathered", "running_rows", "steps", "store", "stored_rows", "tell", "wanted_rows"]

DISABLED = 1  # of the flags; the others say how far a registration is
NOTHING = "none"  # how reg_dump writes an empty value

Order = tuple[str, str]
ORDERS: tuple[Order, Order] = (("socket", "contact_addr"), ("contact_addr", "socket"))  # the first one: 5.6.3


class Registration(NamedTuple):
    """One trunk's registration, the columns of `uacreg`."""

    l_uuid: str
    l_username: str
    l_domain: str
    r_username: str
    r_domain: str
    realm: str
    auth_username: str
    auth_password: str
    auth_ha1: str
    auth_proxy: str
    expires: int
    flags: int
    reg_delay: int
    contact_addr: str
    socket: str

    @property
    def name(self) -> str:
        return self.l_uuid

    def told(self, password: str) -> dict[str, Any]:
        """The row with another text for its password; no `auth_ha1` is used by us."""
        return {**self._asdict(), "auth_password": password, "auth_ha1": ""}


def _row(given: Mapping[str, Any]) -> Registration:
    """A row of a document, a database or a dump; the numbers that the running registration counts are left out."""
    values: dict[str, Any] = {name: str(given.get(name) or "") for name in Registration._fields}
    values |= {name: int(given.get(name) or 0) for name in ("expires", "flags", "reg_delay")}
    values["flags"] &= DISABLED
    return Registration(**values)


def wanted_rows(
    document: Mapping[str, Any], secrets: Mapping[str, str] | None, have: Mapping[str, Registration]
) -> dict[str, Registration]:
    """The document's rows by name. Without `secrets` a password that the edge has stays."""
    found = {}
    for given in document.get("registrations", []):
        name, password = str(given["l_uuid"]), given.get("auth_password") or ""
        known = {name_of(password): have[name].auth_password} if name in have else {}
        found[name] = _row({**given, "auth_password": resolve(password, known if secrets is None else secrets)})
    return found


def running_rows(rpc: KamailioRpc) -> dict[str, Registration] | None:
    """What Kamailio registers now, or None when it is down."""
    try:
        dumped = rpc.dump("uac.reg_dump")
    except KamailioDown:
        return None
    rows = [_row({key: "" if value == NOTHING else value for key, value in one.items()}) for one in dumped]
    return {row.name: row for row in rows}


def stored_rows(database: str | Path) -> dict[str, Registration]:
    """The rows on disk; a file or table that is absent is empty."""
    if not Path(database).exists():
        return {}
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute(f"SELECT {', '.join(Registration._fields)} FROM uacreg").fetchall()
        except sqlite3.DatabaseError:
            return {}
    rows = (_row(dict(zip(Registration._fields, values, strict=True))) for values in found)
    return {row.name: row for row in rows}


def store(database: str | Path, changes: Iterable[RowChange]) -> None:
    """Write the changed rows, all or none."""
    create_tables(database)
    columns = ", ".join(Registration._fields)
    places = ", ".join("?" * len(Registration._fields))
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        for one in changes:
            connection.execute("DELETE FROM uacreg WHERE l_uuid = ?", (one.name,))
            if one.want is not None:
                connection.execute(f"INSERT INTO uacreg ({columns}) VALUES ({places})", tuple(one.want))


def tell(rpc: KamailioRpc, changes: Iterable[RowChange], orders: Iterable[Order] = ORDERS) -> None:
    """Have the running Kamailio take in what changes: a changed row is removed and added, the others go on.

    Which of its last two values `uac.reg_add` takes first is read back, as it is not what its manual says.
    """
    left = [one for one in changes if "running" in one.fields]
    for order in orders:
        rpc.calls(commands(left, order))
        now = running_rows(rpc) or {}
        left = [replace(one, running=now.get(one.name)) for one in left if now.get(one.name) != one.want]
        if not left:
            return


def commands(changes: Iterable[RowChange], order: Order) -> Iterator[Command]:
    """The commands for these changes."""
    for one in changes:
        if one.running is not None:
            yield "uac.reg_remove", (one.name,)
        if one.want is not None:
            last = [getattr(one.want, name) for name in order]
            yield "uac.reg_add", (*one.want[: -len(order)], *last)


def steps(changes: Iterable[RowChange]) -> list[Step]:
    """The changes as they are told."""
    return [_step(one) for one in changes]


def _step(change: RowChange) -> Step:
    now = change.running if "running" in change.fields else change.stored
    same = now is not None and change.want is not None and now.auth_password == change.want.auth_password
    before = None if now is None else now.told(SECRET if same else SECRET_CHANGED)
    after = None if change.want is None else change.want.told(SECRET)
    return Step(change.op, "registration", change.name, before, after, change.fields)


def gathered(rows: Iterable[Registration]) -> dict[str, Any]:
    """Rows in the shape of the document; a password as the name of a secret."""
    found = [{**row.told(""), "auth_password": {"secret": f"registration/{row.name}"}} for row in sorted(rows)]
    return {"registrations": found}
