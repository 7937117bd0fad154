"""SARIF 2.1.0, which code hosts show beside the lines of a pull request. Columns count characters, as in our text."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pbx.analysis.finding import Finding
from pbx.analysis.lint import Report

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def printed(report: Report) -> str:
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
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _results(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "ruleId": found.rule,
            "level": found.severity,
            "message": {"text": f"{found.pointer}: {found.message}" if found.pointer else found.message},
            "locations": [{"physicalLocation": _location(found)}],
            "partialFingerprints": {"pbxFinding/v1": _mark(found)},
        }
        for found in report.findings
    ]


def _mark(found: Finding) -> str:
    """The same for the same finding when lines move: rule, file and value."""
    return hashlib.sha256(f"{found.rule}\0{found.file}\0{found.pointer}".encode()).hexdigest()[:32]


def _location(found: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": Path(found.file).as_posix()}}
    if found.line:
        location["region"] = {"startLine": found.line, "startColumn": found.column}
    return location
