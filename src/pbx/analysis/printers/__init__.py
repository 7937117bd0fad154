"""A report in the formats that people and machines read. Each module has `printed(report)`; none reads anything."""

from __future__ import annotations

import importlib

from pbx.analysis.lint import Report

FORMATS = ("text", "json", "sarif", "junit")


def printed(report: Report, form: str) -> str:
    """The report in one of FORMATS, with a line's end at the end; nothing for a clean one as text."""
    text: str = importlib.import_module(f"{__name__}.{form}").printed(report)
    return text
