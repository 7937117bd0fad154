"""What plan, drift and apply have in common: run, print, choose the exit code (contracts §7.6)."""

from __future__ import annotations

import sys

from pbx.cli import _playbook, _report

CHANGES = 2


def compare(what: _playbook.Run) -> int:
    """Print what differs: 0 (nothing), 2 (something) or 1 (an error)."""
    outcome = _playbook.run(what)
    if outcome.failed:
        return _failed(outcome)
    print("\n".join(_report.lines(outcome)))
    return CHANGES if outcome.changes or outcome.waiting else 0


def carry_out(what: _playbook.Run) -> int:
    """Apply and print what was done: 0, or 1 when something failed."""
    outcome = _playbook.run(what)
    print("\n".join(_report.lines(outcome)))
    return _failed(outcome) if outcome.failed else 0


def _failed(outcome: _playbook.Outcome) -> int:
    print("\n".join(_report.failures(outcome) or ["error: ansible-playbook failed"]), file=sys.stderr)
    return 1
