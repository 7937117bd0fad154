"""What every module of pbx.core tells: the list of actions, in check mode and in real mode the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["action", "result"]


def action(op: str, kind: str, id: str, fields: Iterable[str] = ()) -> dict[str, Any]:
    """One thing to do: op is create, update, delete, start, stop, restart, reload, enable or load."""
    return {"op": op, "kind": kind, "id": id, "fields": sorted(fields)}


def result(actions: list[dict[str, Any]], diff: list[dict[str, Any]] | None = None, **more: Any) -> Mapping[str, Any]:
    """The keyword arguments of `exit_json`: changed follows from the actions, never from anything else."""
    return {"changed": bool(actions), "actions": actions, "diff": diff or [], **more}
