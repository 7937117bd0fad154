"""Folders of YAML files → one tree of kinds and ids, each with the file and place where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx.model.problems import Path as ValuePath
from pbx.model.problems import Problem, did_you_mean, pointer
from pbx.model.schemas import Kind, kinds_of, template_kinds
from pbx.model.yaml_events import Document, YamlError, parse

VERSION = "pbx/v1"
TEMPLATES = "templates"


@dataclass(slots=True)
class Entry:
    """One object: its value, and the mapping or list of the file in which it stands under `step`.

    An object that uses templates (`templates.expand`) has as its value what comes out; `layers` are the templates, the
    stronger first, and what was written still stands in the container.
    """

    value: Any
    file: str
    document: Document
    container: Any
    step: str | int
    layers: tuple[Layer, ...] = ()
    told: frozenset[ValuePath] = frozenset()  # of a template: mistakes in it that were reported at its own place
    unclear: bool = False  # what it uses cannot be found, so nobody knows what is missing in it

    def place(self, rest: ValuePath) -> tuple[str, int, int] | None:
        """File, line and column of the deepest part of a path in the object that is written in it."""
        best, container, step = None, self.container, self.step
        while (place := self.document.place(container, step)) is not None:
            best = (self.file, *place)
            container = container[step]
            if not rest:
                break
            step, rest = rest[0], rest[1:]
        return best

    def layer(self, rest: ValuePath) -> Layer | None:
        """The template from which a part of the value comes; None when the object says it itself."""
        if not self.layers or not rest or _holds(self.container[self.step], rest):
            return None
        return next((layer for layer in self.layers if _holds(layer.entry.container[layer.entry.step], rest)), None)


@dataclass(frozen=True, slots=True)
class Layer:
    """A template below an object."""

    name: str
    entry: Entry


def _holds(value: Any, path: ValuePath) -> bool:
    for step in path:
        within = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not within and not (isinstance(value, dict) and step in value):
            return False
        value = value[step]
    return True


@dataclass
class Folder:
    """What a tenant's folder, or the site's, holds; `entries[kind][id]` (a single thing has the id "")."""

    path: Path
    role: str  # tenant | site
    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)
    templates: dict[str, dict[str, Entry]] = field(default_factory=dict)  # by kind (its plural) and name
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False  # a file could not be read: what is missing may stand there

    @property
    def kinds(self) -> dict[str, Kind]:
        return kinds_of(self.role)

    def ids(self, plural: str) -> dict[str, Entry]:
        return self.entries.get(plural, {})

    def written(self, path: ValuePath) -> tuple[Entry, ValuePath] | None:
        """The object or template that a path leads into, and the rest of the path."""
        if not path:
            return None
        if path[0] == TEMPLATES and len(path) > 2:
            entry, rest = self.templates.get(str(path[1]), {}).get(str(path[2])), path[3:]
        elif (kind := self.kinds.get(str(path[0]))) is None:
            return None
        elif kind.shape == "single":
            entry, rest = self.ids(kind.plural).get(""), path[1:]
        else:
            entry, rest = self.ids(kind.plural).get(str(path[1]) if len(path) > 1 else ""), path[2:]
        return (entry, rest) if entry else None

    def place(self, path: ValuePath) -> tuple[str, int, int]:
        """File, line and column of the deepest part of the path that is written down."""
        found = self.written(path)
        return (found and found[0].place(found[1])) or (str(self.path), 0, 0)

    def report(self, path: ValuePath, message: str, severity: str = "error") -> None:
        kind = self.kinds.get(str(path[0])) if path else None
        shown = (path[0], int(path[1]), *path[2:]) if kind and kind.shape == "list" and len(path) > 1 else path
        self.problems.append(Problem(*self.place(path), pointer(shown), message + self._from(path), severity))

    def _from(self, path: ValuePath) -> str:
        """Names the template when what is told about an object stands there."""
        found = self.written(path)
        layer = found and found[0].layer(found[1])
        if not found or not layer:
            return ""
        file, line, _ = layer.entry.place(found[1]) or ("", 0, 0)
        return f" (from template {layer.name} in {file}:{line})"


def read(path: Path, role: str) -> Folder:
    """All `*.yml` of a folder in name order, merged; problems are kept in the result."""
    folder = Folder(path, role)
    versions: list[tuple[str, Any]] = []
    for file in sorted(path.iterdir()):
        if file.suffix == ".yaml":
            message = f"is not read; call it {file.stem}.yml"
            folder.problems.append(Problem(str(file), 0, 0, "", message, "warning"))
        if file.suffix != ".yml" or file.name.startswith("."):
            continue
        _read_file(folder, file, versions)
    if not versions and not folder.broken:
        folder.problems.append(
            Problem(str(path), 0, 0, "", f"no file says its version; write version: {VERSION} in one")
        )
    return folder


def _read_file(folder: Folder, file: Path, versions: list[tuple[str, Any]]) -> None:
    name = str(file)
    try:
        document = parse(file.read_bytes())
    except OSError as error:
        folder.broken = True
        folder.problems.append(Problem(name, 0, 0, "", f"cannot be read: {error.strerror}"))
        return
    except YamlError as error:
        folder.broken = True
        folder.problems.append(Problem(name, error.line, error.column, "", error.message))
        return
    top = document.value
    if top is None:
        return
    if not isinstance(top, dict):
        folder.broken = True
        message = f"{_shown(top)} stands here; a file holds kinds, such as users: {{…}}"
        folder.problems.append(Problem(name, 1, 1, "", message))
        return
    for key, value in top.items():
        line, column = document.place(top, key) or (0, 0)
        if key == "version":
            _version(folder, Problem(name, line, column, key, ""), value, versions)
            continue
        if key == TEMPLATES:
            _templates(folder, value, name, document)
            continue
        kind = folder.kinds.get(key)
        if kind is None:
            folder.problems.append(Problem(name, line, column, key, _unknown(folder.role, key)))
            continue
        for entry, entry_id in _entries(folder, kind, value, name, document):
            path: ValuePath = (kind.plural, entry_id) if entry_id else (kind.plural,)
            _merge(folder, folder.entries.setdefault(kind.plural, {}), path, entry_id, entry)


def _version(folder: Folder, at: Problem, value: Any, versions: list[tuple[str, Any]]) -> None:
    message = ""
    if versions and versions[0][1] != value:
        message = f"{value} differs from {versions[0][1]} in {versions[0][0]}; one folder has one version"
    elif value != VERSION:
        message = f"{value} is not known; this pbx reads {VERSION}"
    if message:
        folder.problems.append(Problem(at.file, at.line, at.column, at.pointer, message))
    versions.append((at.file, value))


def _unknown(role: str, key: str) -> str:
    other = "site" if role == "tenant" else "tenant"
    if key in kinds_of(other):
        place = "the site's folder" if other == "site" else "a tenant's folder"
        return f"belongs in {place}, not here; move it there"
    return f"unknown kind{did_you_mean(key, kinds_of(role)) or '; known are ' + ', '.join(kinds_of(role))}"


def _entries(folder: Folder, kind: Kind, value: Any, name: str, document: Document) -> Iterator[tuple[Entry, str]]:
    top = document.value
    if kind.shape == "single":
        yield Entry(value, name, document, top, kind.plural), ""
    elif kind.shape == "mapping" and isinstance(value, dict):
        for key, inner in value.items():
            yield Entry(inner, name, document, value, key), key
    elif kind.shape == "list" and isinstance(value, list):
        for index, inner in enumerate(value):
            # tests of several files follow one another
            yield Entry(inner, name, document, value, index), str(len(folder.ids(kind.plural)))
    elif value is not None:
        line, column = document.place(top, kind.plural) or (0, 0)
        wanted = f"a mapping of ids: {kind.plural}: {{ID: {{…}}}}" if kind.shape == "mapping" else "a list"
        message = f"{_shown(value)} is not right here; it is {wanted}"
        folder.problems.append(Problem(name, line, column, kind.plural, message))


def _templates(folder: Folder, value: Any, name: str, document: Document) -> None:
    """`templates: {users: {office: {…}}}`: a mapping of kinds, in which each is a mapping of names."""
    if not isinstance(value, dict):
        line, column = document.place(document.value, TEMPLATES) or (0, 0)
        wanted = "a mapping of kinds: templates: {users: {NAME: {…}}}"
        message = f"{_shown(value)} is not right here; it is {wanted}"
        folder.problems.append(Problem(name, line, column, TEMPLATES, message))
        return
    for plural, named in value.items():
        line, column = document.place(value, plural) or (0, 0)
        message = ""
        if plural in ("flows", "prompts"):
            message = f"there are no templates of {plural}; take this out"
        elif plural not in template_kinds():
            message = (
                f"unknown kind{did_you_mean(plural, template_kinds()) or '; known are ' + ', '.join(folder.kinds)}"
            )
        elif not isinstance(named, dict):
            message = f"{_shown(named)} is not right here; it is a mapping of names: {plural}: {{NAME: {{…}}}}"
        if message:
            folder.problems.append(Problem(name, line, column, pointer((TEMPLATES, plural)), message))
            continue
        for key, inner in named.items():
            entry = Entry(inner, name, document, named, key)
            _merge(folder, folder.templates.setdefault(plural, {}), (TEMPLATES, plural, key), key, entry)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return str(value)[:40]


def _merge(folder: Folder, known: dict[str, Entry], path: ValuePath, key: str, entry: Entry) -> None:
    earlier = known.get(key)
    if earlier is None:
        known[key] = entry
        return
    line, column = entry.document.place(entry.container, entry.step) or (0, 0)
    earlier_line = (earlier.document.place(earlier.container, earlier.step) or (0, 0))[0]
    message = f"stands twice, first in {earlier.file}:{earlier_line}; take one out"
    folder.problems.append(Problem(entry.file, line, column, pointer(path), message))
