"""After an apply that failed: what each server has now."""

from __future__ import annotations

from typing import Any

from pbx.cli._playbook import Outcome

ENDED = {0, 2, 4}  # of ansible-playbook: well, with a failed host, with one that cannot be reached


def restored(outcome: Outcome, applied: Outcome) -> list[str]:
    """After a failed apply: what each server has now. `applied` tells what was done to one that was not put back."""
    out = []
    for host in dict.fromkeys(one["host"] for one in [*outcome.results, *applied.results]):
        mine = [one for one in outcome.results if one["host"] == host]
        problem = next((one["message"] for one in mine if one["status"] in {"failed", "unreachable"}), None)
        if problem is None and outcome.code not in ENDED:
            problem = f"ansible-playbook ended with status {outcome.code}"
        revisions: dict[str, Any] = next((one["revisions"] for one in mine if one["revisions"]), {})
        if problem and revisions:
            out.append(f"{host}: has the revision from before ({revision_text(revisions)}); {problem.splitlines()[0]}")
        elif problem or not mine:
            changed = any(one["actions"] for one in applied.results if one["host"] == host)
            state = "it has part of the new revision" if changed else "the apply had changed nothing there"
            reason = problem.splitlines()[0] if problem else "ansible-playbook failed"
            out.append(f"{host}: not put back, {state}: {reason}")
        elif revisions:
            out.append(f"{host}: has the revision from before ({revision_text(revisions)})")
        else:
            out.append(f"{host}: keeps what it has; no earlier apply was verified there")
    return out


def revision_text(revisions: dict[str, Any]) -> str:
    """`site 0123456789ab, romashka 89abcdef0123`."""
    tenants = "".join(f", {name} {revision}" for name, revision in sorted((revisions.get("tenants") or {}).items()))
    return f"site {revisions.get('site')}{tenants}"


def failures(found: list[dict[str, Any]]) -> list[str]:
    """Each failure with its host, for verbs that print no plan."""
    return [f"error: {one['host']}: {one['task']}: {one['message']}" for one in found] or [
        "error: ansible-playbook failed"
    ]
