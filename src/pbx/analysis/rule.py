"""What a rule of `pbx lint` is, ours and a user's own policy alike: a `RULE` that describes it and a `check`.

RULE = Rule("no-hidden-callers", "warning", "hidden callers reach people", reason="…", wrong="…", right="…")

def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for flow_id, flow in tenant.model.flows.items():
            yield tenant.finding(("flows", flow_id), "what it is, why it hurts; what to do")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType

from pbx.analysis.context import Context
from pbx.analysis.finding import SEVERITIES, Finding

__all__ = ["Check", "Context", "Finding", "Rule", "RuleError", "check_of", "run"]

Check = Callable[[Context], Iterable[Finding]]


class RuleError(Exception):
    """A module is no rule, or its check yields what is no finding; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `wrong` and `right` are YAML that stands beside a `tenant`; the first is found, the second is not."""

    id: str  # kebab-case; the word of `# pbx: allow`
    severity: str  # error | warning
    title: str  # one line: what is found
    reason: str  # why it hurts, in a few sentences
    wrong: str = ""
    right: str = ""
    by_date: bool = False  # the findings change with the date alone, so an allow that waits for one is not unused

    @property
    def page(self) -> str:
        """Where the rule is described, from the top of the repository."""
        return f"docs/reference/lint.md#{self.id}"


def check_of(module: ModuleType) -> tuple[Rule, Check]:
    """The rule that a module holds. Raises RuleError."""
    rule, check = getattr(module, "RULE", None), getattr(module, "check", None)
    if not isinstance(rule, Rule):
        raise RuleError('has no RULE; write RULE = Rule("my-rule", "warning", "what is found", reason="why it hurts")')
    if not callable(check):
        raise RuleError("has no check; write def check(context): … that yields findings")
    if rule.severity not in SEVERITIES:
        raise RuleError(f'has the severity "{rule.severity}", which is not known; write error or warning')
    return rule, check


def run(rule: Rule, check: Check, context: Context) -> Iterator[Finding]:
    """The rule's findings, each with the rule's id, and its severity where the finding has none of its own."""
    findings: object = check(context)
    if not isinstance(findings, Iterable):
        raise RuleError("yields nothing at all; check is a generator, or returns a list of findings")
    for found in findings:
        if not isinstance(found, Finding):
            raise RuleError(f"yields {type(found).__name__}; a finding is made by tenant.finding(path, message)")
        yield replace(found, rule=rule.id, severity=found.severity or rule.severity)
