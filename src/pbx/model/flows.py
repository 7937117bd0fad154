"""Flows: every call reaches an end, no step stands in vain, and flows do not go round."""

from __future__ import annotations

from typing import Any

from pbx.model.problems import Path
from pbx.model.scope import Scope


def check(scope: Scope) -> None:
    for flow, steps in scope.objects("flows").items():
        _end(scope, ("flows", flow), steps)
        _in_vain(scope, ("flows", flow), steps)
        for index, step in enumerate(steps):
            _between(scope, ("flows", flow, index, "when"), step.get("when"))
    _rounds(scope)


def _takes_all(step: dict[str, Any]) -> bool:
    """Every call that comes to this step goes there and does not come back."""
    return "when" not in step and "to" in step and step.get("otherwise") != "next" and not _by_a_fact(step)


def _by_a_fact(step: dict[str, Any]) -> bool:
    """The step leads where a CRM says; when it says nothing of use, the call goes on with the next."""
    return isinstance(step.get("to"), dict) and "from" in step["to"]


def _draws(when: Any) -> bool:
    """Is there a share in the condition? Each draws lots by itself: the same words a second time mean the rest."""
    if isinstance(when, list):
        return any(map(_draws, when))
    return isinstance(when, dict) and ("share" in when or _draws(when.get("not")) or _draws(when.get("any")))


def _end(scope: Scope, path: Path, steps: list[dict[str, Any]]) -> None:
    last = steps[-1]
    if _takes_all(last) or (_by_a_fact(last) and not scope.whole):  # which has been refused already
        return
    why = "has a condition" if "when" in last else "is a lookup" if "lookup" in last else "may go on with the next"
    message = (
        f"the last step {why}, so calls fall out of the flow; end it with a step such as {{to: {{hang_up: true}}}}"
    )
    scope.report((*path, len(steps) - 1), message)


def _in_vain(scope: Scope, path: Path, steps: list[dict[str, Any]]) -> None:
    seen: list[tuple[Any, int]] = []
    for index, step in enumerate(steps):
        if index and _takes_all(steps[index - 1]):
            message = f"is never reached: step {index} takes every call; move it up or take it out"
            scope.report((*path, index), message, "warning")
            return
        if "when" not in step or _draws(step["when"]):
            continue
        twin = next((at for when, at in seen if when == step["when"]), None)
        if twin is not None:
            message = f"is never reached: step {twin + 1} has the same condition; change it or take it out"
            scope.report((*path, index), message, "warning")
        elif step.get("otherwise") != "next" and not _by_a_fact(step):
            seen.append((step["when"], index))


def _between(scope: Scope, path: Path, when: Any) -> None:
    """`between` and its like inside `not` and `any`."""
    if not isinstance(when, dict):
        return
    dates = when.get("between")
    if dates and dates[0] > dates[1]:
        scope.report((*path, "between"), f"{dates[1]} is before {dates[0]}; the later day is last")
    _between(scope, (*path, "not"), when.get("not"))
    for index, inner in enumerate(when.get("any", ())):
        _between(scope, (*path, "any", index), inner)


def _rounds(scope: Scope) -> None:
    """Flows that lead to each other and nowhere else take no time: a call would turn in them for ever."""
    leads: dict[str, list[tuple[int, str]]] = {
        flow: [
            (index, step["to"].partition("/")[2])
            for index, step in enumerate(steps)
            if isinstance(step.get("to"), str) and step["to"].startswith("flow/")
        ]
        for flow, steps in scope.objects("flows").items()
    }
    done: set[str] = set()
    for start in leads:
        _follow(scope, leads, start, [], done)


def _follow(scope: Scope, leads: dict[str, list[tuple[int, str]]], flow: str, way: list[str], done: set[str]) -> None:
    if flow in done or flow not in leads or len(way) > 500:
        return
    for index, target in leads[flow]:
        if target in [*way, flow]:
            round_ = [*way, flow][[*way, flow].index(target) :]
            message = f"flows go round: {' → '.join([*round_, target])}; let one of them lead elsewhere"
            scope.report(("flows", flow, index, "to"), message)
        else:
            _follow(scope, leads, target, [*way, flow], done)
    done.add(flow)
