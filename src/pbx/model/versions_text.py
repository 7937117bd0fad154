"""Files of an older version of the grammar rewritten to the present one: words are replaced, all else stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pbx.model import folder, versions
from pbx.model.problems import ModelErrors, Problem
from pbx.model.problems import Path as ValuePath
from pbx.model.versions import Renamed, Reworded
from pbx.model.yaml_events import Document, YamlError, content, parse

_MARK = b"\xef\xbb\xbf"  # of UTF-8, which some editors write


def rewritten_folder(path: Path) -> dict[Path, bytes]:
    """The files of a tenant's or the site's folder that change, and what will stand in them.

    Raises ModelErrors with all that is in the way; no file is written here.
    """
    problems: list[Problem] = []
    read = {file: each for file in folder.files(path) if (each := _read(file, problems))}
    said = {str(document.value[versions.KEY]) for _, document in read.values() if versions.KEY in document.value}
    if len(said) != 1:
        wrong = f"says {' and '.join(sorted(said))}; write one version" if said else "no file says its version"
        problems.append(Problem(str(path), 0, 0, versions.KEY, wrong))
    elif refusal := versions.refusal(version := said.pop()):
        problems.append(Problem(str(path), 0, 0, versions.KEY, refusal))
    if problems:
        raise ModelErrors(problems)
    changed = {}
    for file, (data, document) in read.items():
        clashes = versions.migrate(document, version).clashes
        problems += [Problem(str(file), line, column, "", message) for line, column, message in clashes]
        text = data.removeprefix(_MARK).decode("utf-8")
        new = text if clashes else rewritten(text, version)
        if not clashes and parse(new.encode()).value != document.value:  # what is written says what is read
            message = f"cannot be rewritten without a change of what it says; write it as {versions.CURRENT} by hand"
            problems.append(Problem(str(file), 0, 0, "", message))
        if new != text:
            changed[file] = (_MARK if data.startswith(_MARK) else b"") + new.encode("utf-8")
    if problems:
        raise ModelErrors(problems)
    return changed


def rewritten(text: str, version: str) -> str:
    """The text of a file of an older version in the present one."""
    for step in versions.steps(version):
        for change in step.changes:
            value = parse(text.encode()).value
            text = _spliced(text, [(path, _new(value, path, change)) for path in versions.paths(value, change)], change)
    if versions.KEY in (parse(text.encode()).value or {}):
        text = _spliced(text, [((versions.KEY,), versions.CURRENT)], None)
    return text


def _read(file: Path, problems: list[Problem]) -> tuple[bytes, Document] | None:
    try:
        data = content(file)
        document = parse(data)
    except OSError as error:
        problems.append(Problem(str(file), 0, 0, "", f"cannot be read: {error.strerror}"))
    except YamlError as error:
        problems.append(Problem(str(file), error.line, error.column, "", error.message))
    else:
        return (data, document) if isinstance(document.value, dict) else None
    return None


def _new(value: Any, path: ValuePath, change: Renamed | Reworded) -> str:
    if isinstance(change, Renamed):
        return change.to
    for step in path:
        value = value[step]
    return change.words[value]


def _spliced(text: str, edits: list[tuple[ValuePath, str]], change: Renamed | Reworded | None) -> str:
    """The text with the scalars at the paths replaced: keys when they are renamed, else values."""
    if not edits:
        return text
    top = yaml.compose(text, Loader=yaml.CSafeLoader)
    places = []
    for path, new in edits:
        key: Any = None
        node: Any = top
        for step in path:
            key, node = _inside(node, step)
        scalar = key if isinstance(change, Renamed) else node
        places.append((scalar.start_mark.index, scalar.end_mark.index, new))
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _inside(node: Any, step: str | int) -> tuple[Any, Any]:
    """Key and value of what stands under a step; an item of a list has no key."""
    if isinstance(step, int):
        return None, node.value[step]
    found: tuple[Any, Any] = next((key, value) for key, value in node.value if key.value == step)
    return found
