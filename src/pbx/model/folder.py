"""Folders of YAML files → one tree of kinds and ids, each with the file and place where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pbx.model import versions
from pbx.model.problems import Path as ValuePath
from pbx.model.problems import Problem, did_you_mean, pointer
from pbx.model.schemas import Kind, kinds_of, template_kinds
from pbx.model.yaml_events import Document, YamlError, content, parse

TEMPLATES = "templates"
MOST_UNKNOWN = 200  # kinds that are told: a file with more is of another program


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
    # what was told, by template and message: which of `problems`, and of which paths
    _told: dict[tuple[str, str], tuple[int, set[ValuePath]]] = field(default_factory=dict)

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
        template = self._from(path)
        first, paths = self._told.setdefault((template, message), (len(self.problems), set()))
        if template and not paths <= {path}:  # one mistake in a template is told once, however many use it
            paths.add(path)
            others = len(paths) - 1
            more = f" ({template}; and {others} more that use{'s' if others == 1 else ''} it)"
            self.problems[first] = replace(self.problems[first], message=message + more)
            return
        paths.add(path)
        more = f" ({template})" if template else ""
        self.problems.append(Problem(*self.place(path), pointer(shown), message + more, severity))

    def _from(self, path: ValuePath) -> str:
        """Names the template when what is told about an object stands there."""
        found = self.written(path)
        layer = found and found[0].layer(found[1])
        if not found or not layer:
            return ""
        file, line, _ = layer.entry.place(found[1]) or ("", 0, 0)
        return f"from template {layer.name} in {file}:{line}"


def read(path: Path, role: str) -> Folder:
    """All `*.yml` of a folder in name order, merged; problems are kept in the result."""
    folder = Folder(path, role)
    documents = [(str(file), document) for file in files(path) if (document := _document(folder, file)) is not None]
    for file in sorted(path.glob("*.yaml")):
        message = f"is not read; call it {file.stem}.yml"
        folder.problems.append(Problem(str(file), 0, 0, "", message, "warning"))
    if _readable(folder, documents):
        for name, document in documents:
            _take(folder, name, document)
    return folder


def files(path: Path) -> list[Path]:
    """The files of a folder that are read, in the order in which they are."""
    return [file for file in sorted(path.iterdir()) if file.suffix == ".yml" and not file.name.startswith(".")]


def _document(folder: Folder, file: Path) -> Document | None:
    """None when it is empty or, which is told, cannot be read."""
    name = str(file)
    problem = None
    try:
        document = parse(content(file))
        if document.value is None:
            return None
        if not isinstance(document.value, dict):
            problem = Problem(
                name, 1, 1, "", f"{_shown(document.value)} stands here; a file holds kinds, such as users: {{…}}"
            )
    except OSError as error:
        problem = Problem(name, 0, 0, "", f"cannot be read: {error.strerror}")
    except YamlError as error:
        problem = Problem(name, error.line, error.column, "", error.message)
    if problem is None:
        return document
    folder.broken = True
    folder.problems.append(problem)
    return None


def _readable(folder: Folder, documents: list[tuple[str, Document]]) -> bool:
    """Whether the files have one version that is known; what an older one writes otherwise is changed in them."""
    first: tuple[str, Any] | None = None
    readable = True
    for name, document in documents:
        if versions.KEY not in document.value:
            continue
        value = document.value[versions.KEY]
        if first is not None and first[1] != value:
            message = f"{value} differs from {first[1]} in {first[0]}; one folder has one version"
        else:
            message = versions.refusal(value)
            readable = readable and not versions.newer(value)
        if message:
            place = document.place(document.value, versions.KEY) or (0, 0)
            folder.problems.append(Problem(name, *place, versions.KEY, message))
        first = first or (name, value)
    if first is None and not folder.broken:
        message = f"no file says its version; write version: {versions.CURRENT} in one"
        folder.problems.append(Problem(str(folder.path), 0, 0, "", message))
    if first is not None and isinstance(first[1], str) and first[1] in versions.OLDER:
        _migrate(folder, documents, first[1])
    folder.broken = folder.broken or not readable  # what else would be told may be right in that version
    return readable


def _migrate(folder: Folder, documents: list[tuple[str, Document]], version: str) -> None:
    """Warns once a file of each thing that the present version writes otherwise."""
    for name, document in documents:
        if versions.KEY in document.value:
            place = document.place(document.value, versions.KEY) or (0, 0)
            message = f"{version} is read as {versions.CURRENT}; let pbx migrate {folder.path} rewrite the files"
            folder.problems.append(Problem(name, *place, versions.KEY, message, "warning"))
        done = versions.migrate(document, version)
        for said, places in done.said.items():
            others = len(places) - 1
            more = f" (also at {others} other place{'' if others == 1 else 's'})" if others else ""
            folder.problems.append(Problem(name, *places[0], "", said + more, "warning"))
        for line, column, message in done.clashes:
            folder.problems.append(Problem(name, line, column, "", message))


def _take(folder: Folder, name: str, document: Document) -> None:
    top = document.value
    for key, value in top.items():
        line, column = document.place(top, key) or (0, 0)
        if key == versions.KEY:
            continue
        if key == TEMPLATES:
            _templates(folder, value, name, document)
            continue
        kind = folder.kinds.get(key)
        if kind is None:
            if len(folder.problems) < MOST_UNKNOWN:
                folder.problems.append(Problem(name, line, column, key, _unknown(folder.role, key)))
            continue
        for entry, entry_id in _entries(folder, kind, value, name, document):
            path: ValuePath = (kind.plural, entry_id) if entry_id else (kind.plural,)
            _merge(folder, folder.entries.setdefault(kind.plural, {}), path, entry_id, entry)


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
        if plural in ("flows", "prompts", "voices"):
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
