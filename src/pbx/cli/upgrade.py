"""`pbx upgrade`: another release of our services on the servers, without cutting a call."""

from __future__ import annotations

import argparse

from pbx.cli import _options, _output


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Bring the servers the services' code of this installation, host by host, each emptied of its calls first. "
        "Exit code 0: done, changed or not; 1: an error, and the host runs what it ran before."
    )
    _options.add_inventory(parser)
    _options.add_limit(parser)
    deadline = "how long a host may take to be without calls; new ones are shed meanwhile (300)"
    parser.add_argument("--deadline", metavar="SECONDS", type=seconds, default=300, help=deadline)
    parser.add_argument(
        "--cut-calls",
        action="store_true",
        help="do not wait: calls that are up go on in the new process, or are hung up if it cannot read them",
    )
    parser.add_argument("--check", action="store_true", help="only tell, with the exit codes of pbx plan")
    _output.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _compare, _playbook, _trust

    variables = {"pbx_drain_deadline": arguments.deadline, "pbx_cut_calls": arguments.cut_calls}
    what = _playbook.from_arguments("upgrade.yml", arguments, check=arguments.check, variables=variables)
    if arguments.check:
        return _compare.compare("plan", what, arguments)
    what = _trust.named(what)
    outcome = _playbook.run(what)
    if outcome.failed:
        _trust.unlock(what, outcome)
    return _compare.told("apply", what, outcome, arguments)


def seconds(text: str) -> int:
    """A number of seconds; argparse tells the error."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text}: a whole number of seconds is needed")
    return int(text)
