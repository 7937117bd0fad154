"""Htables of a running edge and their rows on disk: read, compare, write in bulk.

A row has two homes: the memory of Kamailio (`running`; absent when it is down) and `pbx.sqlite` (`stored`; read at the
next start and by htable.reload). Both must say what the document wants.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import SECRET, SECRET_CHANGED, Step, aim
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import name_of, resolve
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, KamailioRpc
from ansible_collections.pbx.core.plugins.module_utils.kamailio_schema import (
    HTABLES,
    SECRET_HTABLES,
    create_tables,
)

__all__ = ["Change", "Rows", "apply", "by_name", "plan", "read_running", "read_stored", "steps", "wanted"]

#: Above this many changes of the running tables a reload is quicker than single commands.
RELOAD_ABOVE = 2000

Rows = dict[str, dict[str, str]]  # table -> key -> value


@dataclass(frozen=True)
class Change:
    """One row that is not as wanted. `value` is None when it has to go. `running`, `stored`: what is there now."""

    table: str
    key: str
    value: str | None
    running: str | None
    stored: str | None
    fields: tuple[str, ...] = field(default=())  # which of the two homes differ

    @property
    def op(self) -> str:
        if self.value is None:
            return "delete"
        return "create" if self.running is None and self.stored is None else "update"


def by_name(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The document's rows by table, secrets as their names; tables that it does not name are absent."""
    given = dict(document.get("htables", {}))
    if "ha1" in document:
        given["ha1"] = document["ha1"]
    unknown = sorted(set(given) - set(HTABLES))
    if unknown:
        raise ValueError(f"the edge has no htable {', '.join(unknown)}; it has {', '.join(HTABLES)}")
    return {name: dict(given[name]) for name in HTABLES if name in given}


def wanted(
    document: Mapping[str, Any], secrets: Mapping[str, str] | None, state: str, have: Rows
) -> dict[str, dict[str, str | None]]:
    """Table → key → value, None for a row that has to go, of the rows that this state has a say in.

    `replaced` makes the tables that the document names as it says and leaves the others alone. Without `secrets` a
    secret that the edge has keeps its value.
    """
    given = by_name(document)
    found = {}
    for name in HTABLES:
        if name not in given and state != "overridden":
            continue
        rows = given.get(name, {})
        known = {name_of(value): have[name][key] for key, value in rows.items() if key in have[name]}
        chosen = known if secrets is None else secrets
        values = {str(key): "" if state == "deleted" else resolve(value, chosen) for key, value in rows.items()}
        found[name] = aim("overridden" if state == "replaced" else state, values, have[name])
    return found


def read_running(rpc: KamailioRpc) -> Rows | None:
    """The tables in memory, or None when no Kamailio runs."""
    try:
        return {name: _dump(rpc, name) for name in HTABLES}
    except KamailioDown:
        return None


def _dump(rpc: KamailioRpc, table: str) -> dict[str, str]:
    slots = rpc.dump("htable.dump", table)
    return {item["name"]: str(item["value"]) for slot in slots for item in slot["slot"]}


def read_stored(path: str | Path) -> Rows:
    """The rows on disk; a file or table that is absent is empty."""
    rows: Rows = {name: {} for name in HTABLES}
    if not Path(path).exists():
        return rows
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        for name in HTABLES:
            with contextlib.suppress(sqlite3.DatabaseError):
                rows[name] = dict(connection.execute(f"SELECT key_name, key_value FROM ht_{name}"))
    return rows


def plan(
    want: Mapping[str, Mapping[str, str | None]], running: Rows | None, stored: Rows, phase: str = "all"
) -> list[Change]:
    """What differs, by table and key. Without a running Kamailio only the disk counts: it loads that when it starts."""
    changes = []
    for table, desired in want.items():
        for key in sorted(desired):
            value, disk = desired[key], stored[table].get(key)
            now = None if running is None else running[table].get(key)
            fields = [] if running is None or now == value else ["running"]
            fields += [] if disk == value else ["stored"]
            if fields:
                changes.append(Change(table, key, value, now, disk, tuple(fields)))
    return [change for change in changes if _belongs(change, phase)]


def _belongs(change: Change, phase: str) -> bool:
    if phase == "all":
        return True
    return phase == ("contract" if change.value is None else "expand")


def apply(changes: Iterable[Change], rpc: KamailioRpc, running: bool, database: str | Path) -> None:
    """The disk in one transaction, then the memory: few rows one by one, many by a reload (it has no empty moment)."""
    changes = list(changes)
    create_tables(database)
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        for change in changes:
            if "stored" in change.fields:
                _store(connection, change)
    if not running:
        return
    live = [change for change in changes if "running" in change.fields]
    if len(live) > RELOAD_ABOVE:
        for table in sorted({change.table for change in live}):
            rpc.dump("htable.reload", table)
    else:
        rpc.calls(_command(change) for change in live)


def _store(connection: sqlite3.Connection, change: Change) -> None:
    if change.value is None:
        connection.execute(f"DELETE FROM ht_{change.table} WHERE key_name = ?", (change.key,))
    else:
        connection.execute(
            f"INSERT INTO ht_{change.table} (key_name, key_value) VALUES (?, ?)"
            " ON CONFLICT (key_name) DO UPDATE SET key_value = excluded.key_value, key_type = 0, value_type = 0",
            (change.key, change.value),
        )


def _command(change: Change) -> tuple[str, tuple[str, ...]]:
    if change.value is None:
        return "htable.delete", (change.table, change.key)
    return "htable.sets", (change.table, change.key, change.value)


def steps(changes: Iterable[Change]) -> list[Step]:
    """The changes as they are told: no HA1 is in them."""
    return [_step(one) for one in changes]


def _step(change: Change) -> Step:
    before, after = _shown(change, _present(change)), _shown(change, change.value)
    return Step(change.op, f"htable/{change.table}", change.key, before, after, change.fields)


def _present(change: Change) -> str | None:
    """What is there now, where it differs."""
    return change.running if "running" in change.fields else change.stored


def _shown(change: Change, value: str | None) -> str | None:
    if value is None or change.table not in SECRET_HTABLES:
        return value
    return SECRET if value == change.value else SECRET_CHANGED
