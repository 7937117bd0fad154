"""`pbx validate PATH`: is the model right? Needs no inventory and no secrets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbx.model.recordings import SoundCheck


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Check a model: every mistake with its place, what is wrong and what would be right."
    parser.add_argument("path", metavar="PATH", help="a model root, or one tenant's folder")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    path: str = arguments.path
    try:
        loaded = load(path, sound=_sound())
    except ModelErrors as errors:
        for problem in errors.problems:
            print(problem)
        count = sum(problem.severity == "error" for problem in errors.problems)
        print(f"{path}: {count} error{'' if count == 1 else 's'}", file=sys.stderr)
        return 1
    for problem in loaded.warnings:
        print(problem)
    print(f"{path}: valid: {_counted(loaded.tenant_plain)}")
    return 0


def _sound() -> SoundCheck:
    from pbx.model.recordings import SoundCheck
    from pbx.speech import text

    return SoundCheck(_recording, text.problem)


def _recording(path: Path) -> str | None:
    from pbx.speech import audio  # only for a model with recordings: it imports numpy

    return audio.problem(path)


def _counted(tenants: dict[str, dict[str, object]]) -> str:
    """`1 tenant, 3 users, 3 numbers`."""

    def number_of(kind: str) -> int:
        return sum(len(objects) for plain in tenants.values() if isinstance(objects := plain.get(kind), dict))

    counts = {"tenant": len(tenants), "user": number_of("users"), "number": number_of("numbers")}
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
