"""Silencing in place: `# pbx: allow RULE reason` on the line of a finding, or on comment lines right above it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pbx.analysis.finding import Finding
from pbx.model.problems import did_you_mean

UNUSED = "unused-allow"
WITHOUT_REASON = "allow-without-reason"
_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*pbx:\s*allow\b(?P<words>.*)$")


@dataclass(slots=True)
class Allow:
    """One comment; `line` is where it stands, `covers` the lines on which it silences `rule`."""

    file: str
    line: int
    column: int
    rule: str
    reason: str
    covers: tuple[int, ...]
    used: bool = False


def read(files: dict[str, str]) -> list[Allow]:
    """The comments of all files."""
    return [allow for file, text in files.items() if "pbx:" in text for allow in _of_file(file, text.splitlines())]


def _of_file(file: str, lines: list[str]) -> Iterator[Allow]:
    for index, line in enumerate(lines):
        found = _COMMENT.search(line) if "pbx:" in line else None
        if found is None:
            continue
        rule, _, reason = found["words"].strip().partition(" ")
        covers = [index]
        if line.lstrip().startswith("#"):  # alone on its line: it is for the next line that is no comment
            while covers[-1] + 1 < len(lines) and lines[covers[-1]].lstrip().startswith("#"):
                covers.append(covers[-1] + 1)
        yield Allow(file, index + 1, found.start() + 1, rule, reason.strip(), tuple(each + 1 for each in covers))


def silence(findings: Iterable[Finding], allows: list[Allow]) -> list[Finding]:
    """The findings that nothing allows; the allows that silenced something are marked."""
    by_place: dict[tuple[str, int, str], list[Allow]] = {}
    for allow in allows:
        for line in allow.covers if allow.reason else ():
            by_place.setdefault((allow.file, line, allow.rule), []).append(allow)
    left = []
    for found in findings:
        allowed = by_place.get((found.file, found.line, found.rule), [])
        for allow in allowed:
            allow.used = True
        if not allowed:
            left.append(found)
    return left


def complaints(allows: Iterable[Allow], known: Collection[str], by_date: Collection[str]) -> Iterator[Finding]:
    """What is wrong with the comments themselves. Rules `by_date` may find something on another day."""
    for allow in allows:
        at = (allow.file, allow.line, allow.column, "")
        if allow.rule not in known:
            named = (
                f"there is no rule {allow.rule}{did_you_mean(allow.rule, known)}" if allow.rule else "no rule is named"
            )
            yield Finding(*at, f"this silences nothing: {named}; pbx lint --rules lists them", "warning", UNUSED)
        elif not allow.reason:
            message = f"{allow.rule} is not silenced, because no reason is given; write # pbx: allow {allow.rule} WHY"
            yield Finding(*at, message, "error", WITHOUT_REASON)
        elif not allow.used and allow.rule not in by_date:
            message = f"{allow.rule} finds nothing here, so this would hide the next mistake; take it out"
            yield Finding(*at, message, "warning", UNUSED)
