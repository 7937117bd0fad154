"""Plans in every format, kept in tests/fixtures/plans; `python tests/unit/desired/golden_plans.py` writes them."""

import json
from pathlib import Path
from typing import Any

from pbx.desired.plan import Plan, Scope, Verb
from pbx.desired.printers import FORMATS, SUFFIXES, printed
from pbx.desired.results import plan_of

FOLDER = Path(__file__).parents[2] / "fixtures" / "plans"
MADE = "2026-01-31T12:00:00Z"
NAMES = ("changes", "failures")
ENDINGS = {form: suffix for suffix, form in SUFFIXES.items()}


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def plan(name: str, verb: Verb = "plan") -> Plan:
    return plan_of(verb, lines(name), Scope(inventory="inventory/hosts.yml"), MADE)


def golden(name: str, form: str) -> Path:
    return FOLDER / f"{name}{ENDINGS[form]}"


if __name__ == "__main__":
    for one in NAMES:
        for form in FORMATS:
            golden(one, form).write_text(printed(plan(one), form), "utf-8")
