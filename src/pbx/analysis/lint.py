"""All rules and policies over a model, what is silenced left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pbx.analysis import allow
from pbx.analysis.context import context
from pbx.analysis.discover import Policy, built_in
from pbx.analysis.finding import Finding, of_problem
from pbx.analysis.rule import Rule, run
from pbx.model.load import Loaded

OF_COMMENTS = (
    Rule(
        allow.UNUSED,
        "warning",
        "an allow that silences nothing",
        reason="An allow that is left behind when its finding is gone would hide the next mistake on that line.",
    ),
    Rule(
        allow.WITHOUT_REASON,
        "error",
        "an allow that gives no reason",
        reason="Whoever reads the line next year needs to know why it is right as it is.",
    ),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, in the order of places, and by which rules it was looked for."""

    findings: tuple[Finding, ...]
    rules: tuple[Rule, ...]

    def count(self, severity: str) -> int:
        return sum(found.severity == severity for found in self.findings)


def lint(loaded: Loaded, path: str | Path, at: date, policies: Sequence[Policy] = ()) -> Report:
    """Every rule over a model that was loaded from `path`; `at` is the day that counts as today."""
    seen = context(loaded, path, at)
    found = {each for rule, check in built_in().values() for each in run(rule, check, seen)}
    for policy in policies:
        found.update(policy.findings(seen))
    places = {(each.file, each.line, each.column) for each in found}
    told = (of_problem(problem) for problem in loaded.warnings)  # what the loader warns of and no rule says better
    found.update(each for each in told if (each.file, each.line, each.column) not in places)
    rules = [*(rule for rule, _ in built_in().values()), *(policy.rule for policy in policies)]
    allows = allow.read(seen.files)
    left = allow.silence(found, allows)
    known = [rule.id for rule in rules]
    judged = allows if seen.whole else [each for each in allows if Path(each.file).parent != seen.site_path]
    left += allow.complaints(judged, known, [rule.id for rule in rules if rule.by_date])
    return Report(in_order(left), (*rules, *OF_COMMENTS))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(set(findings), key=lambda found: found.order))
