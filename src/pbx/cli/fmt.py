"""`pbx fmt PATH`: files of the model in the one way to write them."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

SITE = "site"


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write files of the model in one way: keys in the order of the reference, comments kept."
    parser.epilog = "Exit code: 0 done, 1 when a file could not be formatted, or with --check when one would change."
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="a model root, a folder or a file")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; show what would change")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli._rewrite import replaced
    from pbx.model.format import formatted
    from pbx.model.problems import Problem, in_order
    from pbx.model.yaml_events import YamlError, content

    write = not (arguments.check or arguments.diff)
    changed = wrong = seen = 0
    for file in _files(arguments.paths):
        seen += 1
        try:
            before = content(file)
            after = formatted(before, _role(file)).encode("utf-8")
            if after == before:
                continue
            changed += 1
            if write:
                replaced(file, after)
        except YamlError as error:
            print(in_order([Problem(str(file), error.line, error.column, "", error.message)])[0])
            wrong += 1
            continue
        except OSError as error:
            print(f"{file}: {error.strerror}; it is left as it was")
            wrong += 1
            continue
        _tell(file, before, after, arguments.diff, write)
    if not seen:
        print(f"{arguments.paths[0]}: holds no *.yml; give a model root, a folder or a file", file=sys.stderr)
        return 1
    print(f"{seen} file{'' if seen == 1 else 's'}, {changed} {'formatted' if write else 'to format'}", file=sys.stderr)
    return 1 if wrong or (arguments.check and changed) else 0


def _tell(file: Path, before: bytes, after: bytes, diff: bool, written: bool) -> None:
    if not diff:
        print(f"{file}: {'formatted' if written else 'would be formatted'}")
        return
    old, new = (text.decode("utf-8-sig").splitlines(keepends=True) for text in (before, after))
    for line in difflib.unified_diff(old, new, str(file), str(file)):
        sys.stdout.write(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")


def _files(paths: list[Path]) -> Iterator[Path]:
    """The files that `pbx validate` reads there, each once: `*.yml` of a folder and of the folders in it."""
    seen: set[Path] = set()
    for path in paths:
        found = [path] if path.is_file() else [*sorted(path.glob("*.yml")), *sorted(path.glob("*/*.yml"))]
        for file in found:
            hidden = file != path and any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.is_file() and not hidden and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _role(file: Path) -> str:
    return SITE if file.resolve().parent.name == SITE else "tenant"
