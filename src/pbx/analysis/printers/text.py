"""`file:line:column: severity: pointer: message (rule)`, one line a finding: what editors and people read."""

from __future__ import annotations

from pbx.analysis.lint import Report


def printed(report: Report) -> str:
    return "".join(f"{found}\n" for found in report.findings)
