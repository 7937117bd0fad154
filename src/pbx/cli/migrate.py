"""`pbx migrate PATH`: files of an older version of the grammar become files of the present one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Rewrite a model of an older version of the grammar. All else in its files stays, comments too."
    )
    parser.epilog = (
        "Exit code: 0 done, or nothing to do; 1 when a file cannot be, or with --check when one would change."
    )
    parser.add_argument("path", metavar="PATH", type=Path, help="a model root, or one tenant's folder")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a file would change")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli._rewrite import replaced
    from pbx.model import folder, versions
    from pbx.model.problems import ModelErrors
    from pbx.model.versions_text import rewritten_folder

    path: Path = arguments.path
    below = sorted(each for each in path.glob("*") if each.is_dir() and not each.name.startswith("."))
    folders = [each for each in [path, *below] if each.is_dir() and folder.files(each)]
    if not folders:
        print(f"{path}: holds no *.yml; give a model root or a tenant's folder", file=sys.stderr)
        return 1
    changed: dict[Path, bytes] = {}
    problems = []
    for each in folders:
        try:
            changed |= rewritten_folder(each)
        except ModelErrors as errors:
            problems += errors.problems
    if problems:
        print(*problems, sep="\n")
        print("no file has been changed", file=sys.stderr)
        return 1
    for file, data in changed.items():
        try:
            if not arguments.check:
                replaced(file, data)
        except OSError as error:
            print(f"{file}: {error.strerror}; it is left as it was, and so are the files after it")
            return 1
        print(f"{file}: {'would be' if arguments.check else 'is'} rewritten to {versions.CURRENT}")
    if not changed:
        print(f"{path}: {versions.CURRENT}, nothing to do")
    return 1 if arguments.check and changed else 0
