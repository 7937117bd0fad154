"""`pbx apply --plan FILE`: plan once more and go on only when model and servers are as they were (contracts §7.8)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pbx.cli import _compare, _playbook
from pbx.desired import plan_file
from pbx.desired.printers.text import told_apart


def held_to(path: Path, what: _playbook.Run) -> _playbook.Run | None:
    """What to run, held to the plan's documents; None when it is refused, after saying why."""
    try:
        made = plan_file.read(path.read_text(encoding="utf-8"))
    except OSError as error:
        return _refused(path, [error.strerror or str(error)])
    except (plan_file.PlanFileError, UnicodeDecodeError) as error:
        return _refused(path, [str(error)])
    outside = plan_file.outside(made, _compare.scope_of(what))
    if outside:
        return _refused(path, outside)
    print("comparing the plan with model and servers as they are now", file=sys.stderr)
    now = _compare.plan_from("plan", what, _playbook.run(replace(what, check=True)))
    if now.failures or now.refusals:
        sys.stderr.write(told_apart(now))
        return _refused(path, ["the servers cannot be compared with it"] if now.failures else [])
    changed = plan_file.changed(made, now)
    if changed:
        return _refused(path, changed)
    return replace(what, variables={**what.variables, "pbx_expect_wanted": made["wanted"]["digest"]})


def _refused(path: Path, reasons: Sequence[str]) -> _playbook.Run | None:
    """Say why; always None, the answer of held_to."""
    for reason in reasons:
        print(f"refused: {path}: {reason}", file=sys.stderr)
    print("nothing was touched; look at a new plan: pbx plan", file=sys.stderr)
    return None
