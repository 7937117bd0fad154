"""`policies/*.py`: a user's own rules beside the model root, and what happens when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.analysis.lint_case import lay, lint

from pbx.cli import main

HEAD = "from pbx.analysis.rule import Rule\n"
RULE = HEAD + 'RULE = Rule("reception-first", "error", "a number without a flow", reason="The night switch.")\n'
CHECK = """\
def check(context):
    for tenant in context.tenants:
        for number in tenant.model.numbers.values():
            if number.to.kind != "flow":
                yield tenant.finding(("numbers", number.number, "to"), f"leads to {number.to}; lead it to a flow")
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay(tmp_path / "pbx" / "acme", "lists: {}\n")
    (tmp_path / "policies").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.row("C08")
def test_a_policy_finds_and_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policies" / "reception.py").write_text(RULE + CHECK, "utf-8")
    assert lint("pbx") == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == (
        "pbx/acme/base.yml:10:20: error: numbers.+74951000112.to: leads to user/anna; lead it to a flow "
        "(reception-first)"
    )
    assert err == "own policy reception-first: policies/reception.py\npbx: 2 errors, 0 warnings\n"


def test_policies_share_a_module(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policies" / "_of_reception.py").write_text(CHECK, "utf-8")
    (root / "policies" / "reception.py").write_text(RULE + "from _of_reception import check\n", "utf-8")
    assert lint("pbx") == 1
    assert "(reception-first)" in capsys.readouterr().out


def test_one_tenant_has_the_policies_of_its_root(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policies" / "reception.py").write_text(RULE + CHECK, "utf-8")
    assert lint("pbx/acme") == 1
    assert "(reception-first)" in capsys.readouterr().out


def test_another_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policies").rename(root / "rules")
    (root / "rules" / "reception.py").write_text(RULE + CHECK, "utf-8")
    assert lint("pbx") == 0
    assert lint("pbx", "--policies", "rules") == 1
    capsys.readouterr()
    assert lint("pbx", "--policies", "nowhere") == 1
    assert capsys.readouterr().err == "nowhere is not there; --policies names a folder of *.py\n"


def test_it_is_silenced_as_ours_are(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policies" / "reception.py").write_text(RULE + CHECK, "utf-8")
    base = root / "pbx" / "acme" / "base.yml"
    allow = "  # pbx: allow reception-first one of two that need no flow"
    base.write_text(base.read_text("utf-8").replace('  "+7495', f'{allow}\n  "+7495'), "utf-8")
    assert lint("pbx") == 0
    assert capsys.readouterr().out.startswith("pbx: clean: ")


def test_rules_lists_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policies" / "reception.py").write_text(RULE + CHECK, "utf-8")
    assert main.run(["lint", "--rules", "pbx"]) == 0
    last = " ".join(capsys.readouterr().out.splitlines()[-1].split())
    assert last == "reception-first error a number without a flow (policies/reception.py)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", '1:1: error: this policy has no RULE; write RULE = Rule("my-rule", "warning", "what is found", '),
        (RULE, "1:1: error: this policy has no check; write def check(context): … that yields findings (policy)"),
        ("def check(\n", "1:10: error: this policy is no Python: '(' was never closed; mend it (policy)"),
        (RULE + "import no_such_thing\n", "3:1: error: this policy failed: ModuleNotFoundError: No module named"),
        (
            RULE + "def check(context):\n    yield 1 / 0\n",
            "4:1: error: this policy failed: ZeroDivisionError: division",
        ),
        (
            RULE + "def check(context):\n    exit(3)\n",
            "4:1: error: this policy failed: SystemExit: 3; mend it (policy)",
        ),
        (RULE + "def check(context):\n    return ['x']\n", "1:1: error: this policy yields str; a finding is made by "),
        (RULE + "def check(context):\n    pass\n", "1:1: error: this policy yields nothing at all; "),
        (
            RULE.replace("error", "fatal") + CHECK,
            '1:1: error: this policy has the severity "fatal", which is not known; write error or warning (policy)',
        ),
        (
            RULE.replace("reception-first", "unused-object") + CHECK,
            "1:1: error: this policy is called unused-object, which is a rule of pbx already; give it another id",
        ),
    ],
)
def test_a_wrong_policy_is_told_at_its_own_line(
    text: str, message: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "policies" / "mine.py").write_text(text, "utf-8")
    assert lint("pbx") == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"policies/mine.py:{message}")
    assert len(out.splitlines()) == 1
    assert "Traceback" not in out + err


def test_a_model_that_is_refused_still_tells_of_a_wrong_policy(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policies" / "mine.py").write_text("x = 1\n", "utf-8")
    (root / "pbx" / "acme" / "case.yml").write_text("users: {zoe: {extenson: '1'}}\n", "utf-8")
    assert lint("pbx") == 1
    rules = [line.rpartition(" (")[2] for line in capsys.readouterr().out.splitlines()]
    assert rules == ["model)", "policy)"]
