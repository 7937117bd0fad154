"""`pbx apply`: make the servers as the model says."""

from __future__ import annotations

import argparse

from pbx.cli import _options


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make the servers as the model says. Exit code 0: done, changed or not; 1: an error."
    _options.add_inventory(parser)
    _options.add_limit(parser)
    parser.add_argument("--check", action="store_true", help="only tell, as pbx plan does, with its exit codes")
    removal = "this tenant's folder is gone on purpose: remove it from the servers (may be given again)"
    parser.add_argument("--remove-tenant", metavar="ID", action="append", default=[], help=removal)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _compare, _playbook

    variables = {"pbx_remove_tenants": arguments.remove_tenant} if arguments.remove_tenant else {}
    what = _playbook.from_arguments("site.yml", arguments, check=arguments.check, variables=variables)
    return _compare.compare(what) if arguments.check else _compare.carry_out(what)
