"""`pbx lint PATH`: what is valid and yet hardly meant. Needs no inventory, no secrets and no network."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbx.analysis.discover import Policy
    from pbx.analysis.finding import Finding
    from pbx.analysis.lint import Report

FORMATS = ("text", "json", "sarif", "junit")
POLICIES = "policies"


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Find what is valid and yet hardly meant: loops, silent nights, calendars that end, secrets."
    parser.epilog = "Exit code: 0 clean or warnings only, 1 with an error. `# pbx: allow RULE why` silences a line."
    parser.add_argument("path", metavar="PATH", nargs="?", help="a model root, or one tenant's folder")
    parser.add_argument("--rules", action="store_true", help="list the rules (with PATH, its policies too) and stop")
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("--at", metavar="DATE", type=_date, help="the day that counts as today; for example 2026-11-07")
    policies_help = "a folder of own rules; default: policies beside the model root"
    parser.add_argument("--policies", metavar="FOLDER", type=Path, help=policies_help)
    parser.set_defaults(run=run)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no date; for example 2026-11-07") from None


def run(arguments: argparse.Namespace) -> int:
    from pbx.analysis import discover
    from pbx.analysis.finding import of_problem
    from pbx.analysis.lint import Report, in_order, lint
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    path: str | None = arguments.path
    if path is None and not arguments.rules:
        print("pbx lint: give a model root or a tenant's folder", file=sys.stderr)
        return 1
    folder: Path | None = arguments.policies
    if folder is not None and not folder.is_dir():
        print(f"{folder} is not there; --policies names a folder of *.py", file=sys.stderr)
        return 1
    if path is not None and folder is None:
        folder = _beside(Path(path))
    policies, problems = discover.policies(folder) if folder else ([], [])
    if arguments.rules:
        return _list(policies, problems)
    for policy in policies:
        print(f"own policy {policy.rule.id}: {policy.file}", file=sys.stderr)
    assert path is not None
    try:
        loaded = load(path, whole=True)
    except ModelErrors as errors:
        found = [of_problem(problem) for problem in errors.problems]
        report = Report(in_order([*found, *problems]), ())
    else:
        report = lint(loaded, path, arguments.at or date.today(), policies)
        report = Report(in_order([*report.findings, *problems]), report.rules)
    return _told(path, arguments.format, report)


def _beside(root: Path) -> Path | None:
    """The folder `policies` beside the model root, or beside the root of a tenant's folder."""
    whole = root.resolve()
    model_root = whole.parent if any(whole.glob("*.yml")) else whole
    folder = model_root.parent / POLICIES
    if not folder.is_dir():
        return None
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder


def _told(path: str, form: str, report: Report) -> int:
    from pbx.analysis.printers import printed

    sys.stdout.write(printed(report, form))
    errors, warnings = report.count("error"), report.count("warning")
    if form == "text" and not report.findings:
        print(f"{path}: clean: {_counted(len(report.rules), 'rule')}")
    elif report.findings:
        print(f"{path}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}", file=sys.stderr)
    return 1 if errors else 0


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _list(policies: list[Policy], problems: list[Finding]) -> int:
    """All rules by name, own policies with their file."""
    from pbx.analysis.discover import built_in
    from pbx.analysis.lint import OF_COMMENTS

    rules = [*(rule for rule, _ in built_in().values()), *OF_COMMENTS]
    lines = [(rule, "") for rule in rules] + [(policy.rule, f" ({policy.file})") for policy in policies]
    width = max(len(rule.id) for rule, _ in lines)
    for rule, file in lines:
        print(f"{rule.id:{width}}  {rule.severity:7}  {rule.title}{file}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0
