"""JUnit XML for CI: one case a rule; errors fail it, warnings are its output."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from pbx.analysis.finding import Finding
from pbx.analysis.lint import Report

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printed(report: Report) -> str:
    rules = {rule.id: rule.title for rule in report.rules} | {
        found.rule: found.rule for found in report.findings if found.rule not in {rule.id for rule in report.rules}
    }
    failed = {found.rule for found in report.findings if found.severity == "error"}
    suite = ElementTree.Element("testsuite", name="pbx lint", tests=str(len(rules)), failures=str(len(failed)))
    for rule, title in rules.items():
        case = ElementTree.SubElement(suite, "testcase", classname="pbx.lint", name=f"{rule}: {title}")
        mine = [found for found in report.findings if found.rule == rule]
        said = "\n".join(_text(found) for found in mine)
        if rule in failed:
            message = next(_text(found) for found in mine if found.severity == "error")
            ElementTree.SubElement(case, "failure", message=message, type="error").text = said
        elif mine:
            ElementTree.SubElement(case, "system-out").text = said
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def _text(found: Finding) -> str:
    return _NOT_XML.sub("?", str(found))
