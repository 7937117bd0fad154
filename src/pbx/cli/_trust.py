"""What surrounds an apply: a name for the run, and what is done when it failed (contracts §7.3, §7.7)."""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace

from pbx.cli import _playbook, _report

STAGE, KEEP, GUARD = "Compile and stage", "Keep", "Go on while every server is there"  # plays of site.yml


def named(what: _playbook.Run) -> _playbook.Run:
    """The run with an identifier: the playbooks that follow a failed one go on under the same leases."""
    return replace(what, variables={"pbx_run": secrets.token_hex(6), **what.variables})


def give_up(what: _playbook.Run, outcome: _playbook.Outcome) -> None:
    """After a failed apply: put back what was changed, give the leases back, and tell what each server has."""
    told = []
    if all(one["play"] in {STAGE, GUARD} for one in outcome.results):
        told.append("nothing that runs was touched")
    if outcome.failures and all(one["play"] == KEEP for one in outcome.failures):
        told.append("every server has the new revision; what could not be noted is told above")
    elif any(one["play"] not in {STAGE, GUARD} or one["actions"] for one in outcome.results):  # staged files, too
        told += _report.restored(_playbook.run(_after(what, "restore.yml")), outcome)
    unlock(what, outcome)
    print("\n".join(told), file=sys.stderr)


def unlock(what: _playbook.Run, outcome: _playbook.Outcome) -> None:
    """Give the leases back, with a word for the journals; not when none was taken."""
    if not any("lease" in one["task"] for one in outcome.results):
        return
    first = next((f"{one['host']}: {one['task']}: {one['message']}" for one in outcome.failures), "cut")
    _playbook.run(_after(what, "unlock.yml", pbx_outcome=first[:400]))


def servers(outcome: _playbook.Outcome) -> list[str]:
    """Which revision each server has now, as it told itself when it was verified."""
    rows = {}
    for one in outcome.results:
        if one["status"] in {"failed", "unreachable"}:
            rows[one["host"]] = f"{one['host']}: not whole: {one['task']}: {one['message'].splitlines()[0]}"
        elif one["revisions"]:
            rows.setdefault(one["host"], f"{one['host']}: has {_report.revision_text(one['revisions'])}")
    return list(rows.values())


def _after(what: _playbook.Run, playbook: str, **more: str) -> _playbook.Run:
    """A playbook that follows on the same hosts under the same leases, whatever part was applied."""
    given = {"pbx_run": what.variables["pbx_run"], **more}
    return replace(what, playbook=playbook, variables=given, tags=None, check=False, model=None)
