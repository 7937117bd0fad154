"""The `pbx` command. A verb is a module of this package with `register(app)`; the module's name is the verb.

`register` adds one command to the typer app and nothing else; what the command needs is imported inside it, and only
the module of the verb that was called is imported at all, so that `pbx validate` never pays for ansible.
Results go to stdout, everything else to stderr. Exit codes (contracts §7.6): a command raises `typer.Exit(code)`;
a wrong use of the command line is 1.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any

import typer

import pbx.cli

NO_VERB = ("main",)
# typer carries a click of its own and exports only this grandchild of its usage errors.
_UsageError: Any = typer.BadParameter.__base__


def verbs() -> list[str]:
    """The verbs there are: modules of this package, helpers with a leading underscore apart."""
    names = (module.name for module in pkgutil.iter_modules(pbx.cli.__path__))
    return sorted(name for name in names if name not in NO_VERB and not name.startswith("_"))


def app_of(arguments: Sequence[str]) -> typer.Typer:
    """The app with the one verb that is called, or with all of them for help."""
    app = typer.Typer(
        name="pbx", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )

    @app.callback()
    def _pbx() -> None:
        """A PBX as code: YAML is checked, planned and applied."""

    called = next((word for word in arguments if not word.startswith("-")), "")
    known = verbs()
    for name in [called] if called in known else known:
        module = importlib.import_module(f"pbx.cli.{name}")
        register = getattr(module, "register", None)
        if register is not None:
            register(app)
    return app


def run(arguments: Sequence[str]) -> int:
    """Runs the command line; the exit code."""
    try:
        code = app_of(arguments)(args=list(arguments), prog_name="pbx", standalone_mode=False)
    except _UsageError as error:
        error.show(sys.stderr)
        return 1
    except typer.Abort:
        print("stopped", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """The console entry."""
    sys.exit(run(sys.argv[1:]))
