"""A plan as JUnit XML, a case a server: it passes without differences, fails with them, is an error when not reached.

When something failed the run stopped there: a server without differences so far is skipped, not passed.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from pbx.desired.plan import Failure, Plan, Server
from pbx.desired.printers import words

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printed(plan: Plan) -> str:
    suite = ElementTree.Element("testsuite", name=words.title(plan), timestamp=plan.made.rstrip("Z"))
    counts = {"failures": 0, "errors": 0, "skipped": 0}
    for server in plan.servers:
        case = ElementTree.SubElement(suite, "testcase", classname=f"pbx.{plan.verb}", name=server.name)
        failed = [one for one in plan.failures if one.server == server.name]
        if failed:
            _error(case, failed)
            counts["errors"] += 1
        elif _differs(plan, server):
            _failure(case, plan, server)
            counts["failures"] += 1
        elif plan.failures:
            ElementTree.SubElement(case, "skipped", message="not looked at to the end, as another server failed")
            counts["skipped"] += 1
    for name, count in {"tests": len(plan.servers), **counts}.items():
        suite.set(name, str(count))
    if plan.own_settings:
        own = "\n".join([words.own_title(plan), *words.own_settings(plan)])
        ElementTree.SubElement(suite, "system-out").text = _text(own)
    if plan.warnings:
        ElementTree.SubElement(suite, "system-err").text = _text("\n".join(plan.warnings))
    root = ElementTree.Element("testsuites", {key: suite.attrib[key] for key in ("tests", "failures", "errors")})
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _differs(plan: Plan, server: Server) -> bool:
    """An apply that did something has not failed; a plan, a drift or a refusal is what the reader waits for."""
    if plan.verb != "drift" and any(one.server == server.name for one in plan.refusals):
        return True
    return plan.verb in {"plan", "drift"} and bool(server.items or server.pending_restart)


def _failure(case: ElementTree.Element, plan: Plan, server: Server) -> None:
    lines = []
    for one in words.folded(server.items):
        lines.append(one if isinstance(one, str) else words.line_of(one))
        if not isinstance(one, str):
            lines += [f"    {field or 'value'}: {live} → {wanted}" for field, live, wanted in words.values_of(one)]
            lines += [f"    {one.since}"] if one.since else []
    lines += [words.waits(key) for key in server.pending_restart]
    lines += [f"refused: {one.text}" for one in plan.refusals if one.server == server.name and plan.verb != "drift"]
    told = words.number(len(server.items) + len(server.pending_restart), "difference")
    ElementTree.SubElement(case, "failure", message=told, type="differences").text = _text("\n".join(lines))


def _error(case: ElementTree.Element, failed: list[Failure]) -> None:
    text = "\n".join(f"{one.task}: {one.message}" for one in failed)
    kind = failed[0].status
    ElementTree.SubElement(case, "error", message=_text(failed[0].message.splitlines()[0]), type=kind).text = _text(
        text
    )


def _text(text: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_XML.sub("?", text)
