"""`pbx gather`: what every server has now, in the shape of the documents that an apply brings."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pbx.cli import _options

if TYPE_CHECKING:
    from pbx.cli._playbook import Outcome


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Read every server live, one JSON document for each server and role. Secrets are named, never contained."
    )
    _options.add_inventory(parser)
    _options.add_limit(parser)
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="a folder for SERVER.ROLE.json; default: one object on stdout"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0, or 1 when a server could not be read; what could be read is written all the same."""
    from pbx.cli import _playbook

    with tempfile.TemporaryDirectory(prefix="pbx-gather-") as temporary:
        folder = Path(arguments.output or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        what = _playbook.from_arguments("gather.yml", arguments, False, {"pbx_gather_folder": str(folder)})
        outcome = _playbook.run(what)
        hosts = {one["host"] for one in outcome.results}
        files = sorted(path for path in folder.glob("*.*.json") if path.name.rsplit(".", 2)[0] in hosts)
        _tell(files, as_json=arguments.output is None)
    return _failed(outcome)


def _tell(files: list[Path], as_json: bool) -> None:
    if not as_json:
        print("\n".join(str(path) for path in files))
        return
    found: dict[str, dict[str, object]] = {}
    for path in files:
        server, role, _ = path.name.rsplit(".", 2)
        found.setdefault(server, {})[role] = json.loads(path.read_text(encoding="utf-8"))
    print(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False))


def _failed(outcome: Outcome) -> int:
    for one in outcome.failures:
        print(f"error: {one['host']}: {one['task']}: {one['message']}", file=sys.stderr)
    return 1 if outcome.failed else 0
