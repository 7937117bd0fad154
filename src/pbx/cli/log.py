"""`pbx log`: who applied what, as the servers have noted it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from pbx.cli import _options


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print the journal of applies, rollbacks and restores of each server. Exit code 0, or 1: an error."
    )
    _options.add_inventory(parser)
    parser.add_argument("-l", "--limit", metavar="PATTERN", help="only these hosts (Ansible's pattern)")
    parser.add_argument("--last", metavar="N", type=int, default=20, help="so many entries of each server (20)")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object an entry, with its host")
    parser.set_defaults(run=run, tags=None)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _playbook, _report

    variables = {"pbx_last": max(1, arguments.last)}
    outcome = _playbook.run(_playbook.from_arguments("history.yml", arguments, check=False, variables=variables))
    for one in outcome.results:
        entries = (one.get("history") or {}).get("journal") or []
        if entries and not arguments.json:
            print(one["host"])
        for entry in entries:
            plain = {"host": one["host"], **entry}
            print(json.dumps(plain, ensure_ascii=False) if arguments.json else f"  {line_of(entry)}")
    if outcome.failed:
        print("\n".join(_report.failures(outcome.failures)), file=sys.stderr)
    return 1 if outcome.failed else 0


def line_of(entry: dict[str, Any]) -> str:
    """`2026-11-24T12:00:00Z verified by ops, commit 1a2b3c4d5e6f, site 0123456789ab, romashka 89abcdef0123`."""
    words = [f"{entry.get('time')} {entry.get('event')}" + (f" by {entry['by']}" if entry.get("by") else "")]
    if entry.get("commit"):
        words.append(f"commit {entry['commit'][:12]}" + (" with changes of its own" if entry.get("dirty") else ""))
    revisions = entry.get("revisions") or {}
    words += [f"site {revisions['site']}"] if revisions.get("site") else []
    words += [f"{name} {revision}" for name, revision in sorted((revisions.get("tenants") or {}).items())]
    words += [f"only {entry['tags']}"] if entry.get("tags") else []
    words += [entry["outcome"].splitlines()[0]] if entry.get("outcome") else []
    return ", ".join(words)
