"""Rows with two homes, a text file and the memory of Kamailio: read both, plan, write both, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, read_text, write
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import argument_spec, the_document
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioRpc

__all__ = ["Command", "ListKind", "RowChange", "list_spec", "plan", "run_list", "to_write"]

Row = Any  # a NamedTuple with a property `name`
Command = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class ListKind:
    """How one kind of row is read and written."""

    kind: str  # as actions call it
    running: Callable[[KamailioRpc], Mapping[str, Row] | None]
    parse: Callable[[str], Mapping[str, Row]]
    text: Callable[[Iterable[Row]], str]
    wanted: Callable[[Mapping[str, Any]], Mapping[str, Row]]
    tell: Callable[[list[RowChange]], Iterable[Command]]  # after the file is written
    gathered: Callable[[Iterable[Row]], dict[str, Any]]


@dataclass(frozen=True)
class RowChange:
    """One row that is not as wanted, in memory (`running`) or in the file (`stored`); `want` None has to go."""

    name: str
    want: Row | None
    running: Row | None
    stored: Row | None
    fields: tuple[str, ...]

    @property
    def op(self) -> str:
        if self.want is None:
            return "delete"
        return "create" if self.running is None and self.stored is None else "update"


def plan(
    want: Mapping[str, Row], running: Mapping[str, Row] | None, stored: Mapping[str, Row], phase: str = "all"
) -> list[RowChange]:
    """What differs, by name. Without a running Kamailio only the file counts: it is read at the start."""
    changes = []
    for name in sorted({*want, *(running or {}), *stored}):
        wanted, now, disk = want.get(name), (running or {}).get(name), stored.get(name)
        fields = [] if running is None or now == wanted else ["running", *_differing(now, wanted)]
        fields += [] if disk == wanted else ["stored"]
        if fields and _in_phase(wanted is None, phase):
            changes.append(RowChange(name, wanted, now, disk, tuple(fields)))
    return changes


def _in_phase(removal: bool, phase: str) -> bool:
    """Whether a change belongs to this phase of an apply (contracts §7.3)."""
    return phase == "all" or phase == ("contract" if removal else "expand")


def to_write(want: Mapping[str, Row], stored: Mapping[str, Row], phase: str) -> list[Row]:
    """The rows of the file after this phase: `expand` keeps what is to go later, `contract` adds nothing."""
    if phase == "expand":
        return list({**stored, **want}.values())
    if phase == "contract":
        return [stored[name] for name in stored if name in want]
    return list(want.values())


def list_spec(path: str) -> dict[str, Any]:
    """The options of a module that keeps such a list."""
    return argument_spec(
        state={"type": "str", "choices": ["overridden", "gathered"], "default": "overridden"},
        path={"type": "path", "default": path},
        group={"type": "str", "default": "kamailio"},
    )


def run_list(params: Mapping[str, Any], check_mode: bool, kind: ListKind) -> dict[str, Any]:
    """One run of such a module: have, want, plan, apply, read back; `failed` in the result: it did not hold."""
    rpc, phase = KamailioRpc(params["run_dir"]), params["phase"]
    running, stored = kind.running(rpc), kind.parse(read_text(params["path"]))
    if params["state"] == "gathered":
        return {"changed": False, "gathered": kind.gathered((stored if running is None else running).values())}
    want = kind.wanted(the_document(params))
    if phase == "stage":
        return dict(result([], [], before=[], after=[]))
    changes = plan(want, running, stored, phase)
    file = _file(params, kind, want, stored)
    fields = differences(file)
    report = _report(kind, changes, file, fields)
    report["surplus"] = len(plan(want, running, stored, "contract")) if phase == "expand" else 0
    if report["changed"] and not check_mode:
        if fields:
            write(file)
        if running is not None:
            rpc.calls(kind.tell(changes))
        left = [one.name for one in plan(want, kind.running(rpc), kind.parse(read_text(file.path)), phase)]
        if left or differences(file):
            report |= {"failed": True, "msg": f"{kind.kind}: not as wanted afterwards: {left or file.path}"}
    return report


def _file(params: Mapping[str, Any], kind: ListKind, want: Mapping[str, Row], stored: Mapping[str, Row]) -> Want:
    text = kind.text(to_write(want, stored, params["phase"]))
    return Want(params["path"], "file", text.encode(), None, "root", params["group"], 0o640)


def _report(kind: ListKind, changes: list[RowChange], file: Want, fields: list[str]) -> dict[str, Any]:
    """Actions, diff, rows before and after. The file is an action of its own when no row explains its difference."""
    before = [now for c in changes if (now := c.running if "running" in c.fields else c.stored) is not None]
    after = [c.want for c in changes if c.want is not None]
    actions = [action(c.op, kind.kind, c.name, c.fields) for c in changes]
    if fields and not any("stored" in change.fields for change in changes):
        created = fields == ["absent"]
        actions.append(action("create" if created else "update", "file", file.path, [] if created else fields))
    diff = [{"before_header": kind.kind, "after_header": kind.kind,
             "before": _rows_only(kind, before), "after": _rows_only(kind, after)}]  # fmt: skip
    return dict(
        result(
            actions, diff if changes else [], before=[r._asdict() for r in before], after=[r._asdict() for r in after]
        )
    )


def _rows_only(kind: ListKind, rows: list[Row]) -> str:
    return "".join(line for line in kind.text(rows).splitlines(keepends=True) if not line.startswith("#"))


def _differing(now: Row | None, wanted: Row | None) -> list[str]:
    if now is None or wanted is None:
        return []
    return [name for name, a, b in zip(wanted._fields, now, wanted, strict=True) if a != b]
