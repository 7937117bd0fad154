"""The `pbx` command. A verb is a module of this package, by its name; `remove_host` is `pbx remove-host`.

A verb's module has `register(parser)`: it describes itself, adds its arguments and sets `run`, a function of the
parsed arguments that returns the exit code:

    def register(parser: argparse.ArgumentParser) -> None:
        parser.description = "Check a model."            # its first sentence stands in `pbx --help`
        parser.add_argument("path", metavar="PATH", help="a model root")
        parser.set_defaults(run=run)

What a verb needs is imported inside `run`, and only the module of the verb that was called is imported at all, so that
`pbx validate` never pays for ansible. Results go to stdout, everything else to stderr. Exit codes (contracts §7.6):
0 done, 1 error, 2 changes or drift where a verb says so; a wrong use of the command line is 1.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import pbx.cli

NO_VERB = ("main",)


class Parser(argparse.ArgumentParser):
    """argparse, but a wrong use of the command line ends with 1: 2 means changes (contracts §7.6)."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


def verbs() -> list[str]:
    """The verbs there are: modules of this package, helpers with a leading underscore apart."""
    names = (module.name for module in pkgutil.iter_modules(pbx.cli.__path__))
    return sorted(name.replace("_", "-") for name in names if name not in NO_VERB and not name.startswith("_"))


def parser_of(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with the one verb that is called, or with all of them for help."""
    parser = Parser(prog="pbx", description="A PBX as code: YAML is checked, planned and applied.", allow_abbrev=False)
    known = verbs()
    called = arguments[0] if arguments and arguments[0] in known else None
    commands = parser.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    for name in [called] if called else known:
        register = getattr(importlib.import_module(f"pbx.cli.{name.replace('-', '_')}"), "register", None)
        if register is None:
            continue
        described = Parser(add_help=False)
        register(described)
        help_ = (described.description or "").split(". ")[0].rstrip(".")
        register(commands.add_parser(name, help=help_, allow_abbrev=False))
    return parser


def run(arguments: Sequence[str]) -> int:
    """Runs the command line; the exit code. Raises SystemExit for help and wrong use, as argparse does."""
    parsed = parser_of(arguments).parse_args(arguments)
    code: int = parsed.run(parsed)
    return code


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """The console entry. Told to stop by SIGTERM, as CI systems do, it ends as with Ctrl-C: temporary files go."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = 1
    except BrokenPipeError:  # the reader, such as head, has had enough
        sys.stderr.close()
        code = 1
    sys.exit(code)
