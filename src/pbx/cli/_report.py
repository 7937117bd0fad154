"""After an apply that failed: what each server has now."""

from __future__ import annotations

from typing import Any

from pbx.cli._playbook import Outcome


def restored(outcome: Outcome) -> list[str]:
    """After a failed apply: what each server has now."""
    out = []
    for host in dict.fromkeys(one["host"] for one in outcome.results):
        mine = [one for one in outcome.results if one["host"] == host]
        problem = next((one["message"] for one in mine if one["status"] in {"failed", "unreachable"}), None)
        revisions: dict[str, Any] = next((one["revisions"] for one in mine if one["revisions"]), {})
        if problem:
            out.append(f"{host}: not put back: {problem.splitlines()[0]}")
        elif revisions:
            out.append(f"{host}: has the revision from before ({_revision_text(revisions)})")
        else:
            out.append(f"{host}: keeps what it has; no earlier apply was verified there")
    return out


def _revision_text(revisions: dict[str, Any]) -> str:
    tenants = "".join(f", {name} {revision}" for name, revision in sorted((revisions.get("tenants") or {}).items()))
    return f"site {revisions.get('site')}{tenants}"
