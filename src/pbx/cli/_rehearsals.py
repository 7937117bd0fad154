"""Results of `pbx test`, for people and as JUnit's XML; and the story of one simulated call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from xml.etree import ElementTree

from pbx.calls.simulated.rehearsal import Result
from pbx.calls.simulated.world import Told

WORDS = {
    "hears": "hears",
    "presses": "presses",
    "answered": "is answered,",
    "refused": "is refused:",
    "rings": "rings",
    "answers": "answers:",
    "fails": "fails:",
    "stops": "stops ringing:",
}


def lines(results: Sequence[Result]) -> Iterator[str]:
    """A line for each test; a failed one with its place, what was expected, and the story of the call."""
    for result in results:
        test = result.test
        yield f"{'FAIL' if result.failures else 'ok  '}  {test.name}"
        if result.failures:
            yield f"      {test.file}:{test.line}"
            yield from (f"      {failure}" for failure in result.failures)
            yield from (f"        {line}" for line in story_of(result.told, test.at))


def story_of(told: Told, at: datetime) -> Iterator[str]:
    """What happened, each line with the clock time and the second of the call."""
    for second, what, about in told.events:
        clock = (at + timedelta(seconds=second)).strftime("%H:%M:%S")
        head = f"{clock} {second:6.1f} s  "
        if what == "node":
            yield f"{head}{about}"
        elif what == "why":
            yield f"{head}    {about}"
        elif what == "ends":
            yield f"{head}ends ({about})"
        else:
            yield f"{head}  {WORDS[what]} {about}"


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
            failure.text = _text("\n".join([*result.failures, *story_of(result.told, test.at)]))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _text(text: str) -> str:
    """Without the characters that XML 1.0 does not know."""
    return "".join(char for char in text if char >= " " or char in "\n\t")
