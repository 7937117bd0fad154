"""Results of `pbx test`, for people and as JUnit's XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from pbx.analysis.english import ENGLISH
from pbx.calls.simulated.rehearsal import Result
from pbx.cli._telling import story_of


def lines(results: Sequence[Result]) -> Iterator[str]:
    """A line for each test; a failed one with its place, what was expected, and the story of the call."""
    for result in results:
        test = result.test
        yield f"{'FAIL' if result.failures else 'ok  '}  {test.name}"
        if result.failures:
            yield f"      {test.file}:{test.line}"
            yield from (f"      {failure}" for failure in result.failures)
            yield from (f"        {line}" for line in story_of(result.told, test.at, ENGLISH))


def junit(results: Sequence[Result]) -> str:
    """JUnit's XML as CI servers read it: a suite, a case for each test."""
    failed = sum(bool(result.failures) for result in results)
    suite = ElementTree.Element("testsuite", name="pbx test", tests=str(len(results)), failures=str(failed), errors="0")
    for result in results:
        test = result.test
        case = ElementTree.SubElement(
            suite, "testcase", classname=test.file, name=_text(test.name), line=str(test.line)
        )
        if result.failures:
            failure = ElementTree.SubElement(case, "failure", message=_text(result.failures[0]))
            failure.text = _text("\n".join([*result.failures, *story_of(result.told, test.at, ENGLISH)]))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _text(text: str) -> str:
    """Without the characters that XML 1.0 does not know."""
    return "".join(char for char in text if char >= " " or char in "\n\t")
