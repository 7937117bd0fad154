"""What plan, drift and apply have in common: run, make the Plan, print it, choose the exit code (contracts §7.6)."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime

from pbx.cli import _output, _playbook, _since, _trust
from pbx.desired.plan import Failure, Plan, Scope, Verb
from pbx.desired.results import plan_of


def compare(verb: Verb, what: _playbook.Run, arguments: argparse.Namespace) -> int:
    """Print what differs: 0 (nothing), 2 (something) or 1 (an error, or a plan that an apply would refuse)."""
    plan = plan_from(verb, what, _playbook.run(what))
    if verb == "drift":
        plan = _since.told(plan, what)
    return _finish(plan, arguments)


def carry_out(what: _playbook.Run, arguments: argparse.Namespace) -> int:
    """Apply and print what was done: 0, or 1 when something failed; then the servers have what they had before."""
    what = _trust.named(what)
    outcome = _playbook.run(what)
    code = told("apply", what, outcome, arguments)
    if not outcome.failed:
        return code
    _trust.give_up(what, outcome)
    return 1


def told(verb: Verb, what: _playbook.Run, outcome: _playbook.Outcome, arguments: argparse.Namespace) -> int:
    """Print what a run did; the exit code of that."""
    return _finish(plan_from(verb, what, outcome), arguments)


def plan_from(verb: Verb, what: _playbook.Run, outcome: _playbook.Outcome) -> Plan:
    """The results of a run as a Plan. A playbook that ended badly without a word of a server is a failure too."""
    plan = plan_of(verb, outcome.results, scope_of(what), _now())
    if outcome.code and not plan.failures:
        message = f"ended with status {outcome.code}; what it said stands above"
        return replace(plan, failures=(Failure("controller", "ansible-playbook", message),))
    if not plan.servers and not plan.failures:
        message = "no server of the inventory and the limit was looked at"
        return replace(plan, failures=(Failure("controller", "ansible-playbook", message),))
    return plan


def scope_of(what: _playbook.Run) -> Scope:
    """What the command line chose."""
    removed = tuple(sorted(what.variables.get("pbx_remove_tenants", ())))
    return Scope(inventory=str(what.inventory), limit=what.limit, tags=what.tags, remove_tenants=removed)


def _finish(plan: Plan, arguments: argparse.Namespace) -> int:
    try:
        _output.write(plan, arguments)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return plan.exit_code()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
