"""`# pbx: allow RULE why`: what it silences, and what is said of the comment itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.analysis.lint_case import lay, lint

ROUTE = 'outbound_routes:\n  russia: {prefixes: ["+7"], trunks: [trunk/mtt]}'


def said_of(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    lay(tmp_path / "acme", text + "\n")
    monkeypatch.chdir(tmp_path)
    lint("acme")
    return capsys.readouterr().out


@pytest.mark.row("C04")
@pytest.mark.parametrize(
    "text",
    [
        ROUTE + "  # pbx: allow route-without-failover the second carrier comes in March",
        ROUTE.replace("\n", "\n  # pbx: allow route-without-failover the second comes in March\n"),
        ROUTE.replace("\n", "\n  #pbx: allow route-without-failover why\n  # another comment, in between\n"),
    ],
)
def test_a_reason_silences(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said_of(text, tmp_path, monkeypatch, capsys).startswith("acme: clean: ")


def test_without_a_reason_nothing_is_silenced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = said_of(ROUTE + "  # pbx: allow route-without-failover", tmp_path, monkeypatch, capsys)
    first, second = said.splitlines()
    assert first.endswith("add a second one (route-without-failover)")
    assert second == (
        "acme/case.yml:2:52: error: route-without-failover is not silenced, because no reason is given; "
        "write # pbx: allow route-without-failover WHY (allow-without-reason)"
    )
    assert lint("acme") == 1


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        (
            "# pbx: allow unused-object we keep it",
            "unused-object finds nothing here, so this would hide the next mistake; take it out (unused-allow)",
        ),
        (
            "# pbx: allow unused-objekt we keep it",
            'this silences nothing: there is no rule unused-objekt; did you mean "unused-object"?; '
            "pbx lint --rules lists them (unused-allow)",
        ),
        (
            "# pbx: allow",
            "this silences nothing: no rule is named; pbx lint --rules lists them (unused-allow)",
        ),
    ],
)
def test_an_allow_that_silences_nothing(
    comment: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = said_of(f"lists: {{}}  {comment}", tmp_path, monkeypatch, capsys)
    assert said == f"acme/case.yml:1:12: warning: {message}\n"


def test_the_line_below_another_line_is_not_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "# pbx: allow route-without-failover too far up\n\n" + ROUTE
    rules = [line.rpartition(" (")[2] for line in said_of(text, tmp_path, monkeypatch, capsys).splitlines()]
    assert rules == ["unused-allow)", "route-without-failover)"]


def test_an_allow_that_waits_for_a_day_is_not_unused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """\
schedules:
  office: {open: [{days: [MO], hours: ["09:00-18:00"]}], calendars: [calendar/one]}
calendars:
  # pbx: allow calendar-ends the shop closes for good in 2099
  one: {days: [{date: 2099-01-01, closed: true}]}
flows:
  main: [{when: {open: schedule/office}, to: user/anna}, {to: announcement/closed}]
numbers:
  "+74951000100": {to: flow/main}"""
    assert said_of(text, tmp_path, monkeypatch, capsys).startswith("acme: clean: ")


def test_a_tenant_alone_says_nothing_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other tenants may use what this one does not."""
    lay(tmp_path / "acme", "lists: {}\n")
    (tmp_path / "site").mkdir()
    site = "version: pbx/v1\nlists:\n  # pbx: allow unused-object for the tenants to come\n  spam: {anonymous: true}\n"
    (tmp_path / "site" / "site.yml").write_text(site + "  other: {anonymous: true}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    lint("acme")
    assert capsys.readouterr().out.startswith("acme: clean: ")
    lint("site")
    assert capsys.readouterr().out.startswith("site: clean: ")
    lint(".")
    said = "site/site.yml:5:3: warning: lists.other: is used by no tenant; take it out, or name it where it was meant"
    assert capsys.readouterr().out == f"{said} (unused-object)\n"
