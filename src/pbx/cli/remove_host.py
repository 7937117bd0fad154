"""`pbx remove-host NAME`: a host leaves the others, without cutting a call."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pbx.cli import _options, _output
from pbx.cli.upgrade import seconds


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Take a host out: empty it of its calls, apply to the others without it, switch its services off and shred "
        "what it knew. Take it out of the inventory afterwards. Exit code 0: done; 1: an error."
    )
    parser.add_argument("host", metavar="NAME", help="as the inventory calls it")
    _options.add_inventory(parser)
    deadline = "how long it may take to be without calls; new ones are shed meanwhile (300)"
    parser.add_argument("--deadline", metavar="SECONDS", type=seconds, default=300, help=deadline)
    parser.add_argument("--cut-calls", action="store_true", help="do not wait: calls that are up are hung up")
    _output.add(parser)
    parser.set_defaults(run=run, limit=None, tags=None)


def run(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from pbx.cli import _compare, _inventory, _playbook, _trust
    from pbx.desired.hosts import InventoryError

    name: str = arguments.host
    try:
        known = [host.name for host in _inventory.read(arguments.inventory, arguments.vault_password_file).hosts]
    except InventoryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if name not in known:
        print(f"error: the inventory has no host {name}; it has: {', '.join(known)}", file=sys.stderr)
        return 1
    variables = {
        "pbx_leaving": name,
        "pbx_drain_deadline": arguments.deadline,
        "pbx_cut_calls": arguments.cut_calls,
    }
    leaving = _playbook.from_arguments("remove_host.yml", arguments, check=False, variables=variables)
    steps = (
        replace(leaving, limit=name, tags="drain"),
        _trust.named(replace(leaving, playbook="site.yml", limit=f"all:!{name}")),
        replace(leaving, limit=name, tags="clean"),
    )
    results: list[dict[str, Any]] = []
    for step in steps:
        outcome = _playbook.run(step)
        results += outcome.results
        waiting = [key for one in outcome.results for key in one["pending_restart"]]
        if step.playbook == "site.yml" and outcome.failed:
            _trust.give_up(step, outcome)
        elif step.playbook == "site.yml" and waiting:
            print(f"{name} stays: first `pbx upgrade`, as {', '.join(waiting)} waits for it", file=sys.stderr)
            outcome = _playbook.Outcome(1, outcome.results)
        if outcome.failed:
            _playbook.run(replace(leaving, limit=name, tags="stay"))
            break
    return _compare.told("apply", leaving, _playbook.Outcome(outcome.code, results), arguments)
