"""Whom the law obliges to tell of a recording: by the tenant's country, or by its policies (R18)."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.analysis import lint_case

pytestmark = pytest.mark.row("R18")


@pytest.mark.parametrize(
    "country, policies, severity, law",
    [
        ("RU", "", "error", "Russian law"),
        ("DE", "", "error", "the GDPR"),
        ("US", "", "warning", "nobody is told;"),
        ("US", ", policies: [eu]", "error", "the GDPR"),
    ],
)
def test_the_country_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], country: str, policies: str, severity: str, law: str
) -> None:
    head = f"id: acme, name: Acme, domain: acme.example, country: {country}, timezone: Europe/Moscow"
    text = f"tenant: {{{head}, languages: [ru-RU]{policies}}}\nrecordings:\n"
    lint_case.lay(tmp_path / "acme", text + "  all: {match: {direction: [inbound]}, retain: 90d}\n")
    lint_case.lint(str(tmp_path / "acme"))
    said = [line for line in capsys.readouterr().out.splitlines() if "recording-without-announcement" in line]
    assert len(said) == 1 and f": {severity}: recordings.all:" in said[0] and law in said[0]
