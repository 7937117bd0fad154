"""Every format against its kept output, and against the rules of those who read it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from markdown_it import MarkdownIt
from unit.desired.golden_plans import NAMES, golden, plan
from unit.desired.sarif_shape import SARIF

from pbx.desired.plan import Item, Plan, Server
from pbx.desired.plan_file import checksum
from pbx.desired.printers import FORMATS, printed
from pbx.desired.printers.markdown import LIMIT, MARKER

pytestmark = pytest.mark.row("C05")
SCHEMA = json.loads((Path(__file__).parents[3] / "schemas/output/plan.schema.json").read_text("utf-8"))


def many(count: int, servers: int = 1, id_: str = "user") -> Plan:
    """A plan of very many items."""
    made = plan("changes")
    names = [f"edge{number}" for number in range(servers)]
    items = {
        name: tuple(Item(name, ("create", "delete")[n % 2], f"kind{n % 7}", f"{id_}{n:05d}|`<") for n in range(count))
        for name in names
    }
    return replace(made, servers=tuple(Server(name, items[name]) for name in names))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMATS)
def test_as_kept(name: str, form: str) -> None:
    """`python tests/unit/desired/golden_plans.py` writes them anew; look at the difference."""
    assert printed(plan(name), form) == golden(name, form).read_text("utf-8")


@pytest.mark.parametrize("verb", ["plan", "drift", "apply"])
@pytest.mark.parametrize("name", NAMES)
def test_json_is_as_its_schema_says(name: str, verb: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(printed(plan(name, verb), "json"))
    jsonschema.validate(document, SCHEMA)
    assert document["checksum"] == checksum(document)


def test_the_schema_describes_every_key() -> None:
    """So that no key is written which nobody was promised."""
    document = json.loads(printed(plan("changes"), "json"))
    closed = json.loads(json.dumps(SCHEMA))
    for schema in (closed, *_objects(closed)):
        schema.setdefault("additionalProperties", False)
    jsonschema.validate(document, closed)


def _objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for one in schema for found in _objects(one)]
    if not isinstance(schema, dict):
        return []
    mine = [schema] if "properties" in schema and schema.get("type") == "object" else []
    return mine + [found for one in schema.values() for found in _objects(one)]


@pytest.mark.parametrize("name", NAMES)
def test_sarif_has_the_shape_of_2_1_0(name: str) -> None:
    document = json.loads(printed(plan(name, "drift"), "sarif"))
    jsonschema.validate(document, SARIF)
    run = document["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    marks = [one["partialFingerprints"]["pbxItem/v1"] for one in run["results"]]
    assert len(set(marks)) == len(marks)
    assert run["invocations"][0]["executionSuccessful"] == (name == "changes")


def test_sarif_of_very_many_says_what_is_left_out() -> None:
    run = json.loads(printed(many(6000), "sarif"))["runs"][0]
    assert len(run["results"]) == 5000
    notices = [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert any("results are left out" in text for text in notices)


def test_junit_has_a_case_for_each_server() -> None:
    suite = ElementTree.fromstring(printed(plan("changes", "drift"), "junit")).find("testsuite")
    assert suite is not None
    assert [case.get("name") for case in suite] == ["edge1", "relay1", "calls1", None]
    assert suite.get("failures") == "3"
    suite = ElementTree.fromstring(printed(plan("failures", "drift"), "junit")).find("testsuite")
    assert suite is not None
    told = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert told == {"edge1": ["skipped"], "relay1": ["error"], "calls1": ["error"]}


def test_junit_of_an_apply_that_did_something_has_no_failure() -> None:
    made = replace(plan("changes", "apply"), refusals=())
    assert ElementTree.fromstring(printed(made, "junit")).get("failures") == "0"


@pytest.mark.parametrize(("count", "servers"), [(30, 1), (2000, 1), (12_000, 3), (300, 60), (40, 900)])
def test_a_comment_fits_and_says_what_is_left_out(count: int, servers: int) -> None:
    made = many(count, servers)
    text = printed(made, "markdown")
    assert len(text) <= LIMIT
    assert text.startswith(MARKER + "\n")
    assert text.count("<details>") == text.count("</details>")
    if count > 100:
        assert "left out" in text or "more to" in text or "Cut here" in text


def test_a_comment_is_found_by_its_first_line() -> None:
    assert printed(plan("changes"), "markdown").splitlines()[0] == "<!-- pbx-plan -->"


def test_markdown_renders_as_tables_whatever_stands_in_a_value() -> None:
    html = MarkdownIt("commonmark").enable("table").render(printed(plan("changes"), "markdown"))
    assert html.count("<table>") == html.count("</table>") == 3
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    assert {row.count("<td") + row.count("<th") for row in rows} == {6}
    assert "Ivan &#96;Ivanov&#96;" in html or "Ivan `Ivanov` *&amp; Co* @all" in html
    assert "<b>Иванов" not in html
    assert "<em>" not in html
