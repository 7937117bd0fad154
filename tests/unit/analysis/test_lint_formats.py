"""`pbx lint --format`, its exit codes, and a model that is refused."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from unit.analysis.lint_case import FIXTURES, lay, lint

from pbx.cli import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay(tmp_path / "wrong", FIXTURES / "destination-loop" / "wrong")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_json(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint("wrong", "--format", "json") == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["errors"], said["warnings"]) == (1, 2)
    first = said["findings"][0]
    assert (first["file"], first["line"], first["column"]) == ("wrong/case.yml", 4, 34)
    assert (first["rule"], first["severity"]) == ("destination-loop", "error")
    assert first["pointer"] == "announcements.evening.to"


def test_sarif(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lint("wrong", "--format", "sarif")
    run = json.loads(capsys.readouterr().out)["runs"][0]
    assert {result["ruleId"] for result in run["results"]} <= {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "wrong/case.yml"},
        "region": {"startLine": 4, "startColumn": 34},
    }
    assert [result["level"] for result in run["results"]] == ["error", "warning", "warning"]
    assert len({result["partialFingerprints"]["pbxFinding/v1"] for result in run["results"]}) == 3


def test_junit(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lint("wrong", "--format", "junit")
    suite = ElementTree.fromstring(capsys.readouterr().out)
    cases = {case.get("name", "").partition(":")[0]: case for case in suite}
    assert suite.get("failures") == "1"
    failure = cases["destination-loop"].find("failure")
    assert failure is not None
    assert len((failure.text or "").splitlines()) == 3
    assert len(cases["unused-object"]) == 0


def test_a_refused_model_is_an_error_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "acme", "users: {zoe: {extenson: '1'}}\n")
    monkeypatch.chdir(tmp_path)
    assert lint("acme") == 1
    said = capsys.readouterr()
    assert said.out.startswith("acme/case.yml:1:15: error: users.zoe.extenson: unknown key; did you mean")
    assert said.out.endswith(" (model)\n")
    for form in ("json", "sarif", "junit"):
        assert lint("acme", "--format", form) == 1
        assert "unknown key" in capsys.readouterr().out


def test_what_the_loader_warns_of_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "acme", "lists: {}\n")
    (tmp_path / "acme" / "more.yaml").write_text("lists: {}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert lint("acme") == 0
    assert capsys.readouterr().out == "acme/more.yaml: warning: is not read; call it more.yml (model)\n"


@pytest.mark.parametrize("words", [[], ["--at", "2026-13-01", "examples"], ["--format", "xml", "examples"]])
def test_wrong_use_is_1(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main.run(["lint", *words])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    assert code == 1
    assert capsys.readouterr().out == ""


def test_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["lint", "--rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "calendar-ends" in {line.split()[0] for line in lines}
    assert all(line.split()[1] in ("error", "warning") for line in lines)


def test_the_examples_are_clean(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    for day in ("2026-01-01", "2026-11-24", "2030-01-01"):
        assert main.run(["lint", "--at", day, "examples"]) == 0
        assert capsys.readouterr().out.startswith("examples: clean: ")


def test_a_new_repository_has_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["init", str(tmp_path / "mine")]) == 0
    capsys.readouterr()
    assert main.run(["lint", "--at", "2026-01-01", str(tmp_path / "mine" / "pbx")]) == 0
    assert ": clean: " in capsys.readouterr().out
