"""Versions of the grammar: an older one is read as the present one and can be rewritten to it, a newer one is refused.

A new version costs a line in OLDER: what was called otherwise in the version before. `pbx/v1` is the first, so the list
is empty; tests register one of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pbx.model.problems import Path as ValuePath
from pbx.model.yaml_events import Document

CURRENT = "pbx/v1"
KEY = "version"


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key that is called otherwise: `ring_groups.*.strategy`, where `*` is any key or item; a kind is one too."""

    place: str
    to: str


@dataclass(frozen=True, slots=True)
class Reworded:
    """Values of a key that are written otherwise."""

    place: str
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Older:
    """What the version after an older one writes otherwise, in the order in which it is done."""

    next: str
    changes: tuple[Renamed | Reworded, ...] = ()


@dataclass(slots=True)
class Migrated:
    """What a migration did: for each kind of change, words for people and the places (line, column) where."""

    said: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    clashes: list[tuple[int, int, str]] = field(default_factory=list)  # line, column, what is wrong


OLDER: dict[str, Older] = {}


def newer(version: object) -> bool:
    """Whether a version is of a pbx that is yet to come, so that little else can be said about the files."""
    known = re.fullmatch(r"pbx/v([0-9]{1,6})", version) if isinstance(version, str) else None
    return known is not None and int(known[1]) > int(CURRENT.removeprefix("pbx/v"))


def refusal(version: object) -> str:
    """Why a version cannot be read; empty when it can."""
    if isinstance(version, str) and (version == CURRENT or version in OLDER):
        return ""
    if newer(version):
        return f"{version} is newer than this pbx, which reads {CURRENT}; install a newer pbx"
    return f"{str(version)[:40]} is not known; this pbx reads {CURRENT}"


def migrate(document: Document, version: str) -> Migrated:
    """Makes a document that was read in an older version one of the present version, in place; places stay."""
    done = Migrated()
    for step in steps(version):
        for change in step.changes:
            for path in list(paths(document.value, change)):
                _change(document, path, change, step.next, done)
    if KEY in document.value:
        document.value[KEY] = CURRENT
    return done


def steps(version: str) -> Iterator[Older]:
    """From an older version to the present one."""
    while version in OLDER:
        yield OLDER[version]
        version = OLDER[version].next


def paths(value: Any, change: Renamed | Reworded) -> Iterator[ValuePath]:
    """Where a change has something to do, in objects and in templates."""
    way = change.place.split(".")
    found = [*_matching(value, way, ())]
    named = way if way[1:2] in ([], ["*"]) else [way[0], "*", *way[1:]]  # what stands once has a name there
    found += _matching(value, ["templates", *named], ())
    for path in found:
        if isinstance(change, Renamed) or _at(value, path) in change.words:
            yield path


def _matching(value: Any, steps: list[str], path: ValuePath) -> Iterator[ValuePath]:
    if not steps:
        yield path
    elif isinstance(value, dict):
        for key in [*value] if steps[0] == "*" else [steps[0]] if steps[0] in value else []:
            yield from _matching(value[key], steps[1:], (*path, key))
    elif isinstance(value, list) and steps[0] == "*":
        for index, item in enumerate(value):
            yield from _matching(item, steps[1:], (*path, index))


def _at(value: Any, path: ValuePath) -> str | None:
    for step in path:
        value = value[step]
    return value if isinstance(value, str) else None


def _change(document: Document, path: ValuePath, change: Renamed | Reworded, since: str, done: Migrated) -> None:
    container, key = document.value, path[-1]
    for step in path[:-1]:
        container = container[step]
    place = document.place(container, key) or (0, 0)
    if isinstance(change, Reworded):
        new = change.words[container[key]]
        said = f"{container[key]} is called {new} since {since}; write {key}: {new}"
        container[key] = new
    elif change.to in container:
        said = f"{key} is called {change.to} since {since}, and both stand here; take one out"
        done.clashes.append((*place, said))
        return
    else:
        said = f"{key} is called {change.to} since {since}; write {change.to}"
        document.rename(container, str(key), change.to)
    done.said.setdefault(said, []).append(place)
