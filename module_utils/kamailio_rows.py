"""Rows with two homes, a text file and the memory of Kamailio: read both, plan, write both, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import Step, aim, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, read_text, write
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import argument_spec, the_document
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioRpc

__all__ = ["Command", "ListKind", "RowChange", "list_spec", "plan", "run_list"]

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
    part: Callable[[Row], Any]  # what `replaced` makes as the document says, when the document names a row of it


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
    want: Mapping[str, Row | None], running: Mapping[str, Row] | None, stored: Mapping[str, Row], phase: str = "all"
) -> list[RowChange]:
    """What differs, by name. Without a running Kamailio only the file counts: it is read at the start."""
    changes = []
    for name in sorted(want):
        wanted, now, disk = want[name], (running or {}).get(name), stored.get(name)
        fields = [] if running is None or now == wanted else ["running", *_differing(now, wanted)]
        fields += [] if disk == wanted else ["stored"]
        if fields and _in_phase(wanted is None, phase):
            changes.append(RowChange(name, wanted, now, disk, tuple(fields)))
    return changes


def _in_phase(removal: bool, phase: str) -> bool:
    """Whether a change belongs to this phase of an apply (contracts §7.3)."""
    return phase == "all" or phase == ("contract" if removal else "expand")


def list_spec(path: str) -> dict[str, Any]:
    """The options of a module that keeps such a list."""
    return argument_spec(
        state=state_option("overridden", "merged", "replaced", "deleted", "gathered", "rendered"),
        path={"type": "path", "default": path},
        group={"type": "str", "default": "kamailio"},
    )


def run_list(params: Mapping[str, Any], check_mode: bool, kind: ListKind) -> dict[str, Any]:
    """One run of such a module: have, want, plan, apply, read back; `failed` in the result: it did not hold."""
    state, phase = params["state"], params["phase"]
    if state == "rendered":
        rows = kind.wanted(the_document(params)).values()
        return {"changed": False, "actions": [], "rendered": kind.text(rows)}
    rpc = KamailioRpc(params["run_dir"])
    running, stored = kind.running(rpc), kind.parse(read_text(params["path"]))
    if state == "gathered":
        rows = (stored if running is None else running).values()
        return {"changed": False, "actions": [], "gathered": kind.gathered(rows)}
    given = kind.wanted(the_document(params))
    if phase == "stage":
        return report([], given, surplus=0)
    want = aim(state, given, {**stored, **(running or {})}, lambda _name, row: kind.part(row))
    changes = plan(want, running, stored, phase)
    file = _file(params, kind, changes, stored)
    steps = _steps(kind, changes, file)
    surplus = len(plan(want, running, stored, "contract")) if phase == "expand" else 0
    done = report(steps, {"state": state, "rows": given}, surplus=surplus)
    if steps and not check_mode:
        if differences(file):
            write(file)
        if running is not None:
            rpc.calls(kind.tell(changes))
        left = _steps(kind, plan(want, kind.running(rpc), kind.parse(read_text(file.path)), phase), file)
        if left:
            done |= {"failed": True, "msg": f"not as wanted afterwards: {named(left)}"}
    return done


def _file(params: Mapping[str, Any], kind: ListKind, changes: list[RowChange], stored: Mapping[str, Row]) -> Want:
    """The file after these changes: rows that they do not name stay."""
    rows = {**stored, **{one.name: one.want for one in changes}}
    text = kind.text(row for row in rows.values() if row is not None)
    return Want(params["path"], "file", text.encode(), None, "root", params["group"], 0o640)


def _steps(kind: ListKind, changes: list[RowChange], file: Want) -> list[Step]:
    """What is told. The file is a step of its own when no row explains its difference."""
    steps = []
    for one in changes:
        now = one.running if "running" in one.fields else one.stored
        before, after = (None if row is None else row._asdict() for row in (now, one.want))
        steps.append(Step(one.op, kind.kind, one.name, before, after, one.fields))
    fields = differences(file)
    if fields and not any("stored" in change.fields for change in changes):
        created = fields == ["absent"]
        steps.append(
            Step("create" if created else "update", "file", file.path, fields=() if created else tuple(fields))
        )
    return steps


def _differing(now: Row | None, wanted: Row | None) -> list[str]:
    if now is None or wanted is None:
        return []
    return [name for name, a, b in zip(wanted._fields, now, wanted, strict=True) if a != b]
