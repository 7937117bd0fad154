"""`pbx changes PATH --since REVISION`: what a branch says otherwise. Needs no hosts, no inventory and no secrets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbx.desired.changes import Change, Folder
    from pbx.model.load import Loaded

Landing = dict[str, Any]
Landings = dict[str, list[Landing]]  # by tenant
Reach = dict[str, dict[str, list[str]]]  # by tenant: numbers, users
CHANGES = 2  # as of a plan

SHOWN = 50  # objects of one folder
SIGNS = {"create": "+", "update": "~", "delete": "-"}


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Tell what a model says otherwise than a Git revision of it, by tenant, and what revision an apply brings."
        " Asks no server: for a pull request, also of a fork."
    )
    parser.add_argument("path", metavar="PATH", type=Path, help="a model root in a Git repository")
    parser.add_argument("--since", metavar="REVISION", required=True, help="a commit or branch, such as a merge base")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    parser.add_argument("--exit-code", action="store_true", help="end with 2 when the model says something else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.desired.changes import compare
    from pbx.desired.commits import CommitError
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    try:
        after = load(arguments.path, whole=True)
        before = _before(arguments.path, arguments.since)
        folders = compare(before, after)
    except ModelErrors as errors:
        count = sum(problem.severity == "error" for problem in errors.problems)
        print(f"error: {arguments.path}: {count} error{'' if count == 1 else 's'}: see pbx validate", file=sys.stderr)
        return 1
    except CommitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    reach = _reach(before, after)
    landings = {name: _landings(before, after, name, reach) for name in after.tenant_plain} if before else {}
    told = {"text": _text, "markdown": _markdown, "json": _json}[arguments.format]
    print(told(folders, landings, reach))
    return CHANGES if arguments.exit_code and any(one.before != one.after for one in folders) else 0


def _reach(before: Loaded | None, after: Loaded) -> Reach:
    """Numbers and users that changed or lead to something that did, as a live plan counts them."""
    from pbx.cli import _collection

    old, new = (
        {"tenants": {name: {"plain": plain} for name, plain in (one.tenant_plain if one else {}).items()}}
        for one in (before, after)
    )
    out: Reach = {}
    for kind, names in zip(("numbers", "users"), _collection.module_util("reach").touched(old, new), strict=True):
        for name in names:
            tenant, _, id_ = name.partition("/")
            out.setdefault(tenant, {"numbers": [], "users": []})[kind].append(id_)
    return out


def _landings(before: Loaded, after: Loaded, tenant: str, reach: Reach) -> list[Landing]:
    """Callers of numbers of both models who would land elsewhere; the decisions of live calls say so."""
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from pbx.analysis.landings import DAYS, moved
    from pbx.analysis.times import in_words

    if tenant not in before.model.tenants or tenant not in reach:
        return []
    old, new = before.model.tenants[tenant], after.model.tenants[tenant]
    first = datetime.now(ZoneInfo(new.timezone)).date()
    days = [first + timedelta(days=number) for number in range(DAYS)]
    return [
        {
            "numbers": one.numbers,
            "callers": one.callers,
            "before": one.before,
            "after": one.after,
            "when": in_words(one.times, days),
        }
        for one in moved(old, new, first, reach[tenant]["numbers"])
    ]


def _before(path: Path, since: str) -> Loaded | None:
    """The model from before; one that was not valid counts as none, and stderr says so. Raises CommitError."""
    import tempfile

    from pbx.desired import commits
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    commit = commits.resolve(str(path), since)["commit"]
    with tempfile.TemporaryDirectory(prefix="pbx-") as temporary:
        folder = Path(temporary) / "model"
        try:
            commits.extract(str(path), commit, folder)
            return load(folder, whole=True)
        except commits.NoFolder:
            print(f"{since} has no such folder: everything is new", file=sys.stderr)
        except ModelErrors as errors:
            first = str(errors.problems[0]).replace(f"{folder}/", "")
            print(f"{since} is no valid model ({first}): everything is told as new", file=sys.stderr)
    return None


def _text(folders: list[Folder], landings: Landings, reach: Reach) -> str:
    out: list[str] = []
    for one in folders:
        out.append(f"{one.name}: {_revisions(one)}")
        out += [f"  {line}" for line in _lines(one.changes)]
        if one.name in reach:
            out.append(f"  reaches {_reached(reach[one.name])}")
        if moves := landings.get(one.name):
            out += ["  callers who would land elsewhere:", *(f"    {_move(move)}" for move in moves)]
    return "\n".join(out)


def _markdown(folders: list[Folder], landings: Landings, reach: Reach) -> str:
    out = ["### Model", "", "| | revision now | revision wanted | objects | reaches |", "|-|-|-|-|-|"]
    for one in folders:
        reached = _reached(reach[one.name]) if one.name in reach else "–"
        out.append(f"| {one.name} | {one.before or '–'} | {one.after or '–'} | {len(one.changes)} | {reached} |")
    for one in folders:
        if one.changes:
            out += ["", f"<details><summary>{one.name}</summary>", "", "```diff"]
            out += [*_lines(one.changes), "```", "", "</details>"]
    for name, moves in landings.items():
        if moves:
            out += ["", f"**Callers of {name} who would land elsewhere**", ""]
            out += ["| numbers | callers | now | then | when |", "|-|-|-|-|-|"]
            out += [
                f"| {_numbers(move)} | {move['callers']} | {move['before']} | {move['after']} | {move['when']} |"
                for move in moves
            ]
    return "\n".join(out)


def _json(folders: list[Folder], landings: Landings, reach: Reach) -> str:
    import json
    from dataclasses import asdict

    listed = [asdict(one) for one in folders]
    said = {"format_version": "1.1", "folders": listed, "landings": landings, "reach": reach}
    return json.dumps(said, ensure_ascii=False)


def _reached(names: dict[str, list[str]]) -> str:
    """`2 numbers, 1 user`."""
    counts = {kind: len(listed) for kind, listed in names.items()}
    return ", ".join(f"{count} {kind.removesuffix('s') if count == 1 else kind}" for kind, count in counts.items())


def _move(move: Landing) -> str:
    """`+74951000100, other callers: ivr/main → announcement/closed, MO–FR 09:00–10:00`."""
    return f"{_numbers(move)}, {move['callers']}: {move['before']} → {move['after']}, {move['when']}"


def _numbers(move: Landing) -> str:
    numbers: list[str] = move["numbers"]
    more = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
    return ", ".join(numbers[:3]) + more


def _revisions(one: Folder) -> str:
    if one.before == one.after:
        return f"{one.after}, as before"
    return f"{one.before or 'nothing'} → {one.after or 'nothing'}"


def _lines(changes: tuple[Change, ...]) -> list[str]:
    out = []
    for change in changes[:SHOWN]:
        fields = f" ({', '.join(change.fields)})" if change.fields else ""
        out.append(f"{SIGNS[change.op]} {change.kind} {change.id}".rstrip() + fields)
    more = len(changes) - SHOWN
    return [*out, *([f"… and {more} more"] if more > 0 else [])]
