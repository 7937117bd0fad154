"""Each rule by its fixtures: what it says of `wrong`, word for word, and its silence on `right`."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.analysis.lint_case import FIXTURES, lay, lint

from pbx.analysis.discover import built_in
from pbx.analysis.rule import Rule

RULES = [rule for rule, _ in built_in().values()]


@pytest.mark.row("C04")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_wrong_is_told_word_for_word(
    rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fixture = FIXTURES / rule.id
    lay(tmp_path / "wrong", fixture / "wrong")
    monkeypatch.chdir(tmp_path)
    code = lint("wrong")
    said = capsys.readouterr().out
    assert said == (fixture / "expected.txt").read_text("utf-8")
    assert code == (1 if ": error: " in said else 0)
    assert all(line.endswith(f" ({rule.id})") for line in said.splitlines())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_right_is_silent(
    rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "right", FIXTURES / rule.id / "right")
    monkeypatch.chdir(tmp_path)
    assert lint("right") == 0
    assert capsys.readouterr().out == f"right: clean: {len(RULES) + 2} rules\n"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_examples_of_the_page_are_true(rule: Rule, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("wrong", rule.wrong), ("right", rule.right)):
        lay(tmp_path / name, text)
        lint(str(tmp_path / name))
    said = capsys.readouterr().out
    assert "(model)" not in said
    wrong, right = (said.count(f"({rule.id})", *part) for part in ((0, said.find("/right")), (said.find("/right"),)))
    assert (wrong > 0, right) == (True, 0)


def test_rules_are_told_by_their_file() -> None:
    for rule, check in built_in().values():
        assert check.__module__ == f"pbx.analysis.rules.{rule.id.replace('-', '_')}"
        assert rule.reason.endswith(".")
        assert "\n" not in rule.title


def test_every_fixture_has_a_rule() -> None:
    assert {path.name for path in FIXTURES.iterdir()} == {rule.id for rule in RULES} | {"base"}
