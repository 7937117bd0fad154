"""What plan, drift and `apply --check` have in common: read the live servers, print, choose the exit code."""

from __future__ import annotations

import sys

import typer

from pbx.cli import _playbook, _report

CHANGES = 2


def compare(what: _playbook.Run) -> None:
    """Print what differs; exit with 0 (nothing), 2 (something) or 1 (an error): contracts §7.6."""
    outcome = _playbook.run(what)
    if outcome.failed:
        print("\n".join(_report.failures(outcome) or ["error: ansible-playbook failed"]), file=sys.stderr)
        raise typer.Exit(1)
    print("\n".join(_report.lines(outcome)))
    if outcome.changes or outcome.waiting:
        raise typer.Exit(CHANGES)


def carry_out(what: _playbook.Run) -> None:
    """Apply and print what was done; exit with 1 when something failed."""
    outcome = _playbook.run(what)
    print("\n".join(_report.lines(outcome)))
    if outcome.failed:
        print("\n".join(_report.failures(outcome) or ["error: ansible-playbook failed"]), file=sys.stderr)
        raise typer.Exit(1)
