"""A Plan in the formats that people and machines read. Each module has `printed(plan)`; none of them reads anything."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from pbx.desired.plan import Plan

FORMATS = ("text", "markdown", "json", "sarif", "junit")
SUFFIXES: Mapping[str, str] = {
    ".txt": "text", ".md": "markdown", ".json": "json", ".sarif": "sarif", ".xml": "junit",
}  # fmt: skip


def printed(plan: Plan, form: str) -> str:
    """The plan in one of FORMATS, with a line's end at the end."""
    text: str = importlib.import_module(f"pbx.desired.printers.{form}").printed(plan)
    return text
