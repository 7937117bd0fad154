"""Lists of callers that are kept in text files. What a file holds becomes the list's numbers: servers get no file."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pbx.model import own_files
from pbx.model.problems import Problem
from pbx.model.schemas import bundle
from pbx.model.scope import Scope

MAX_BYTES = 5_000_000
MOST_TOLD = 5  # wrong lines of one file


def check(scope: Scope) -> None:
    """Reads the files of a folder's lists into `scope.plain`; what is wrong in a file is told at its line."""
    for name, plain in scope.objects("lists").items():
        written = plain.pop("file", None)
        if written is None:
            continue
        file, wrong = own_files.found(scope.folder, written)
        numbers: list[str] = []
        if not wrong:
            try:
                numbers = _numbers(scope, file, file.read_bytes())
            except UnicodeDecodeError:
                wrong = "is not UTF-8 text; save the file as UTF-8"
            except OSError as error:
                wrong = f"cannot be read: {error.strerror}"
        if wrong:
            scope.report(("lists", name, "file"), f"{written} {wrong}")
        plain["numbers"] = list(dict.fromkeys([*plain["numbers"], *numbers]))


def _numbers(scope: Scope, file: Path, data: bytes) -> list[str]:
    """A number or a prefix a line; `#` begins a comment, empty lines are left out."""
    problems = scope.folder.problems
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data)} bytes; at most {MAX_BYTES} are read: split it over lists"
        problems.append(Problem(str(file), 0, 0, "", message))
        return []
    numbers = []
    wrong: list[Problem] = []
    for number, line in enumerate(data.decode("utf-8-sig").split("\n"), 1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        if _form().fullmatch(said):
            numbers.append(said)
            continue
        message = f'"{said[:40]}" is no number or prefix; right would be +79990000000 or +7495*'
        wrong.append(Problem(str(file), number, line.index(said[0]) + 1, "", message))
    problems += wrong[:MOST_TOLD]
    if len(wrong) > MOST_TOLD:
        problems.append(Problem(str(file), 0, 0, "", f"{len(wrong)} lines are no number or prefix, the first are told"))
    return numbers


@cache
def _form() -> re.Pattern[str]:
    return re.compile(bundle()["common.schema.json"]["$defs"]["number_or_prefix"]["pattern"])
