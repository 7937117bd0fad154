"""A plan for a terminal: by server a line an item, values below, then what waits, then the sum and what it touches."""

from __future__ import annotations

from pbx.desired.plan import Item, Plan
from pbx.desired.printers import words


def printed(plan: Plan) -> str:
    out: list[str] = []
    for server in plan.servers:
        if not server.items:
            continue
        out.append(server.name)
        for one in words.folded(server.items):
            out += [f"  {one}"] if isinstance(one, str) else _item(one)
    out += [f"{server}: {words.waits(key)}" for server, key in plan.waiting]
    out += [f"{name}: revision {live} → {wanted}" for name, live, wanted in words.revisions(plan)]
    out.append(words.summary(plan))
    if plan.items:
        out.append(f"touches {words.reach(plan)}")
    if plan.own_settings:
        out += [f"{words.own_title(plan)}:", *(f"  {one}" for one in words.own_settings(plan))]
    return "\n".join(out) + "\n"


def _item(item: Item) -> list[str]:
    out = [f"  {words.line_of(item)}"]
    for field, live, wanted in words.values_of(item):
        out.append(f"      {field + ': ' if field else ''}{live} → {wanted}")
    if item.since:
        out.append(f"      since {item.since}" if item.since[0].isdigit() else f"      {item.since}")
    return out


def told_apart(plan: Plan) -> str:
    """What does not belong to the result itself, for stderr: warnings, failures, refusals."""
    out = [f"warning: {text}" for text in plan.warnings]
    out += [f"error: {one.server}: {one.task}: {one.message}" for one in plan.failures]
    out += [f"refused: {one.server}: {one.text}. If that is meant: {one.option}" for one in plan.refusals]
    return "".join(f"{line}\n" for line in out)
