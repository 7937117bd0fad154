"""One thing that a rule found, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from pbx.model.problems import Problem

SEVERITIES = ("error", "warning")
MODEL = "model"  # the rule of what `pbx validate` says


@dataclass(frozen=True, slots=True)
class Finding:
    """`line` and `column` count from 1; 0 means the whole file or folder. A rule leaves `rule` empty: it is filled."""

    file: str
    line: int
    column: int
    pointer: str  # flows.main[2].to; empty when no value is meant
    message: str  # what it is, why it hurts; what to do
    severity: str = ""  # error | warning; empty: as the rule says
    rule: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        words = f"{self.pointer}: {self.message}" if self.pointer else self.message
        return f"{place}: {self.severity}: {words} ({self.rule})"

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        return self.file, self.line, self.column, self.rule, self.message


def of_problem(problem: Problem) -> Finding:
    """What `pbx validate` says of the model, as a finding."""
    return Finding(
        problem.file, problem.line, problem.column, problem.pointer, problem.message, problem.severity, MODEL
    )
