"""Where a plan is written: `--format` for stdout, `-o` for files."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pbx.desired.plan import Plan
from pbx.desired.printers import FORMATS, SUFFIXES, printed
from pbx.desired.printers.text import told_apart


def add(parser: argparse.ArgumentParser) -> None:
    """--format and -o."""
    names = "|".join(FORMATS)
    parser.add_argument("--format", choices=FORMATS, default="text", help="how stdout is written (text)")
    output = f"write it to a file as well, as {names} or by the file's suffix (may be given again)"
    parser.add_argument(
        "-o", "--output", metavar="[FORMAT:]FILE", type=target, action="append", default=[], help=output
    )


def target(text: str) -> tuple[str, Path]:
    """`markdown:plan.md` or `plan.md`; argparse tells the error."""
    form, colon, name = text.partition(":")
    if colon and form in FORMATS:
        path = Path(name)
    elif (known := SUFFIXES.get(Path(text).suffix)) is not None:
        form, path = known, Path(text)
    else:
        raise argparse.ArgumentTypeError(
            f"{text}: say the format, one of {', '.join(FORMATS)}: for example json:{text}"
        )
    if not path.name:
        raise argparse.ArgumentTypeError(f"{text}: a file's name is missing")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent}: no such folder")
    return form, path


def write(plan: Plan, arguments: argparse.Namespace) -> None:
    """Files first, each whole or not at all; then stdout; what is no part of the result goes to stderr."""
    for form, path in arguments.output:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(printed(plan, form), encoding="utf-8")
        partial.replace(path)
    sys.stdout.write(printed(plan, arguments.format))
    sys.stdout.flush()
    sys.stderr.write(told_apart(plan))
