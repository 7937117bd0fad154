"""SARIF 2.1.0, which code hosts show beside the lines of a pull request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pbx.analysis.finding import Finding
from pbx.analysis.lint import Report

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def lines(report: Report) -> Iterator[str]:
    described = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.reason},
            "help": {"text": f"{rule.reason} See {rule.page}."},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in report.rules
    ]
    driver = {"name": "pbx lint", "rules": described}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": _results(report)}
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _results(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "ruleId": found.rule,
            "level": found.severity,
            "message": {"text": f"{found.pointer}: {found.message}" if found.pointer else found.message},
            "locations": [{"physicalLocation": _location(found)}],
        }
        for found in report.findings
    ]


def _location(found: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": Path(found.file).as_posix()}}
    if found.line:
        location["region"] = {"startLine": found.line, "startColumn": found.column}
    return location
