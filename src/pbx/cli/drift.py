"""`pbx drift`: what on the servers is not as the model says. Strictly read-only."""

from __future__ import annotations

import argparse

from pbx.cli import _options, _output


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Name each thing on the servers that is not as the model says. Exit code 0: none, 2: some, 1: an error."
    )
    _options.add_inventory(parser)
    _options.add_limit(parser)
    _output.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _compare, _playbook

    return _compare.compare("drift", _playbook.from_arguments("drift.yml", arguments, check=True), arguments)
