"""The findings for other programs: one JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict

from pbx.analysis.lint import Report


def printed(report: Report) -> str:
    whole = {
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "findings": [asdict(found) for found in report.findings],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
