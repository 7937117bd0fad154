"""What plan, drift and apply have in common: run, print, choose the exit code (contracts §7.6)."""

from __future__ import annotations

import sys
from dataclasses import replace

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
    """Apply and print what was done: 0, or 1 when something failed; then the servers have what they had before."""
    outcome = _playbook.run(what)
    print("\n".join(_report.lines(outcome)))
    if not outcome.failed:
        return 0
    _failed(outcome)
    if outcome.had_effect:
        restored = _playbook.run(replace(what, playbook="restore.yml", variables={}))
        print("\n".join(_report.restored(restored)), file=sys.stderr)
    else:
        print("nothing that runs was touched", file=sys.stderr)
    return 1


def _failed(outcome: _playbook.Outcome) -> int:
    print("\n".join(_report.failures(outcome) or ["error: ansible-playbook failed"]), file=sys.stderr)
    return 1
