"""`pbx rollback COMMIT`: apply the model as an earlier commit has it; or put back what the servers have kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from pbx.cli import _options, _output

HELD = "held: the next apply is refused until `pbx apply --release`"


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Go back: compile the model root of an earlier commit and apply it, or put back a revision that the servers "
        "have kept. What people own on the servers is not rolled back. Exit code 0: done, 1: an error."
    )
    parser.add_argument("commit", metavar="COMMIT", nargs="?", help="a commit, branch or tag of the model root's Git")
    parser.add_argument(
        "--revision", metavar="REV", help="without Git: a revision or digest that the servers have kept"
    )
    parser.add_argument("--list", action="store_true", help="what the servers have kept")
    _options.add_inventory(parser)
    parser.add_argument("-l", "--limit", metavar="PATTERN", help="only these hosts (Ansible's pattern)")
    parser.add_argument("--check", action="store_true", help="only tell what COMMIT would change, as pbx plan does")
    parser.add_argument("--hold", action="store_true", help="after COMMIT: the next apply is refused until --release")
    _options.add_removal(parser)
    _options.add_trust(parser)
    _output.add(parser)
    parser.set_defaults(run=run, tags=None)


def run(arguments: argparse.Namespace) -> int:
    ways = [bool(arguments.commit), bool(arguments.revision), arguments.list]
    if sum(ways) != 1:
        return _error("give one of COMMIT, --revision REV or --list")
    if arguments.list:
        return _list(arguments)
    if arguments.revision:
        return _to_kept(arguments)
    return _to_commit(arguments)


def _to_commit(arguments: argparse.Namespace) -> int:
    from pbx.cli import _compare, _inventory, _playbook
    from pbx.desired import commits
    from pbx.desired.hosts import InventoryError
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    try:
        root = str(arguments.model or _inventory.read(arguments.inventory, arguments.vault_password_file).variables.get(
            "pbx_model_root", ""))  # fmt: skip
        if not root:
            return _error("give --model, or set pbx_model_root in the inventory")
        about = commits.resolve(root, arguments.commit)
        with tempfile.TemporaryDirectory(prefix="pbx-rollback-") as folder:
            model = Path(folder) / "model"
            model.mkdir()
            commits.extract(root, about["commit"], model)
            load(str(model))
            variables = {"pbx_about": about, "pbx_any_commit": True, "pbx_event": "rolled_back"}
            variables |= {"pbx_hold": True} if arguments.hold else {}
            variables |= {**_options.removal(arguments), **_options.trust(arguments)}
            arguments.model = model
            what = _playbook.from_arguments("site.yml", arguments, check=arguments.check, variables=variables)
            return _compare.compare("plan", what, arguments) if arguments.check else _compare.carry_out(what, arguments)
    except commits.CommitError as error:
        return _error(f"{error} (`pbx rollback --revision` puts back what the servers have kept)")
    except InventoryError as error:
        return _error(str(error))
    except ModelErrors as errors:
        found = [str(problem).replace(f"{model}/", "") for problem in errors.problems if problem.severity == "error"]
        print("\n".join(found[:20]), file=sys.stderr)
        return _error(f"{arguments.commit}: the model of that commit is not valid; nothing was touched")


def _to_kept(arguments: argparse.Namespace) -> int:
    from pbx.cli import _compare, _playbook, _trust

    variables = {"pbx_revision": arguments.revision, **_options.trust(arguments)}
    what = _trust.named(_playbook.from_arguments("rollback.yml", arguments, check=False, variables=variables))
    outcome = _playbook.run(what)
    _compare.told("apply", what, outcome, arguments)
    if outcome.failed:
        _trust.unlock(what, outcome)
    if any(one["play"] == "Put it back" for one in outcome.results):
        print("\n".join([*_trust.servers(outcome), HELD]), file=sys.stderr)
    return 1 if outcome.failed else 0


def _list(arguments: argparse.Namespace) -> int:
    """By host, the newest first; the hold and the lease when there is one."""
    from pbx.cli import _playbook, _report

    outcome = _playbook.run(_playbook.from_arguments("history.yml", arguments, check=False, variables={}))
    for one in outcome.results:
        found = one.get("history") or {}
        if not found:
            continue
        print(one["host"])
        print("\n".join(_row(row) for row in found["kept"]) or "  nothing is kept yet")
        held = found.get("hold")
        if held:
            print(f"  held since {held['since']} by {held['by']}: {held['revision']}")
        if found.get("lease"):
            print(f"  an apply is going on: {found['lease'].get('by')} on {found['lease'].get('host')}")
    if outcome.failed:
        print("\n".join(_report.failures(outcome.failures)), file=sys.stderr)
    return 1 if outcome.failed else 0


def _row(row: dict[str, Any]) -> str:
    """`  2c26b46b68ff  2026-11-24T12:00:00Z  site 0123456789ab, romashka 89abcdef0123  commit 1a2b3c4d5e6f by ops`."""
    about: dict[str, Any] = next(iter(row["about"]), {})
    revisions = about.get("revisions") or {}
    names = [
        f"site {revisions.get('site')}",
        *(f"{k} {v}" for k, v in sorted((revisions.get("tenants") or {}).items())),
    ]
    commit = f"  commit {about['commit'][:12]}" if about.get("commit") else ""
    return f"  {row['digest']}  {about.get('time', row['kept'])}  {', '.join(names)}{commit}  by {about.get('by', '?')}"


def _error(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return 1
