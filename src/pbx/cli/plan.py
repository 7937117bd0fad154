"""`pbx plan`: what an apply would do, read from the live servers."""

from __future__ import annotations

import argparse

from pbx.cli import _options, _output


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Tell what an apply would do on each server. Exit code 0: nothing, 2: something, 1: an error, or a plan that "
        "an apply would refuse."
    )
    _options.add_inventory(parser)
    _options.add_limit(parser)
    _options.add_removal(parser)
    _output.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _compare, _playbook

    what = _playbook.from_arguments("site.yml", arguments, check=True, variables=_options.removal(arguments))
    return _compare.compare("plan", what, arguments)
