"""`pbx schema [KIND]`: the JSON Schemas of the YAML, for editors and other programs."""

from __future__ import annotations

import argparse
import sys


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print a schema of the YAML, or the names and files of all."
    parser.add_argument("kind", metavar="KIND", nargs="?", default="", help="tenant, site, user, flow …")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.model.problems import did_you_mean
    from pbx.model.schemas import FOLDER

    kind: str = arguments.kind
    paths = sorted(FOLDER.glob("*.schema.json")) + sorted(
        FOLDER.glob("output/*.schema.json")
    )  # what we read, and write
    files = {str(path.relative_to(FOLDER)).removesuffix(".schema.json"): path for path in paths}
    if not kind:
        for name, path in files.items():
            print(f"{name}\t{path.resolve()}")
        return 0
    if kind not in files:
        print(f"there is no schema {kind}{did_you_mean(kind, files)}", file=sys.stderr)
        return 1
    print(files[kind].read_text("utf-8"), end="")
    return 0
