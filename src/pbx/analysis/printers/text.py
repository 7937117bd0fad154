"""`file:line:column: severity: pointer: message (rule)`, one line a finding: what editors and people read."""

from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.lint import Report


def lines(report: Report) -> Iterator[str]:
    yield from map(str, report.findings)
