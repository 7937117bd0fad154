"""`pbx apply`: make the servers as the model says."""

from __future__ import annotations

import argparse
from pathlib import Path

from pbx.cli import _options, _output


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make the servers as the model says. Exit code 0: done, changed or not; 1: an error."
    _options.add_inventory(parser)
    _options.add_limit(parser)
    parser.add_argument("--check", action="store_true", help="only tell, as pbx plan does, with its exit codes")
    plan = "a plan of `pbx plan -o json:FILE`: apply only if model and servers are still as they were then"
    parser.add_argument("--plan", metavar="FILE", type=Path, help=plan)
    _options.add_removal(parser)
    commit = "apply although the commit does not descend from the one that is live"
    parser.add_argument("--any-commit", action="store_true", help=commit)
    _options.add_trust(parser)
    _output.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _compare, _planned, _playbook

    variables = {**_options.removal(arguments), **_options.trust(arguments)}
    variables |= {"pbx_any_commit": True} if arguments.any_commit else {}
    what = _playbook.from_arguments("site.yml", arguments, check=arguments.check, variables=variables)
    if arguments.check:
        return _compare.compare("plan", what, arguments)
    if arguments.plan is None:
        return _compare.carry_out(what, arguments)
    held = _planned.held_to(arguments.plan, what)
    return 1 if held is None else _compare.carry_out(held, arguments)
