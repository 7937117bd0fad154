"""YAML text → plain values with the line and column of every key and item, over libyaml's events.

What is read: mappings, lists and scalars of YAML 1.2, where plain `true`, `false`, `null`, `~` and whole numbers get a
type and everything else is a string (so `no`, `18:00`, `0101` and `+7495…` mean what they say). Refused, with their
place: a key twice, anchors and aliases, tags, merge keys, a second document, keys that are no scalars, more than
`MAX_DEPTH` levels, more than `MAX_BYTES`, more than `MAX_VALUES`. Keys are always strings.
"""

from __future__ import annotations

import gc
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pbx.model import yaml_words

MAX_BYTES = 20_000_000
MAX_DEPTH = 64
MAX_VALUES = 2_000_000  # what may separate two values is counted; 10,000 users and numbers have a quarter of it
Place = tuple[int, int]  # line and column, from 1
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
# YAML 1.2, production 1: c-printable
_NOT_IN_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_TYPED: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None}


class YamlError(Exception):
    """The text cannot be read; `places` holds (line, column, what is wrong; what would be right)."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line, self.column, self.message = line, column, message


@dataclass(slots=True)
class Document:
    """The value of a file and where its parts stand.

    `places[id(container)]` gives the place of each key (mapping) or item (list); it lives as long as `value`.
    """

    value: Any
    places: dict[int, dict[str, Place] | list[Place]]

    def place(self, container: object, step: str | int) -> Place | None:
        """Where key or item `step` of a container stands, None when it does not."""
        known = self.places.get(id(container))
        if isinstance(known, dict):
            return known.get(step) if isinstance(step, str) else None
        if isinstance(known, list) and isinstance(step, int) and 0 <= step < len(known):
            return known[step]
        return None

    def rename(self, container: dict[str, Any], key: str, new: str) -> None:
        """Another name for a key of a mapping, at the same place."""
        places = self.places[id(container)]
        for known in (container, places):
            assert isinstance(known, dict)
            items = [(new if name == key else name, value) for name, value in known.items()]
            known.clear()
            known.update(items)


@contextmanager
def collector_off() -> Iterator[None]:
    """No garbage collection inside: building half a million small objects costs a third less.

    What was built is then left out of later collections; a model has no cycles, so it still goes when nobody holds it.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.enable()


def content(file: Path) -> bytes:
    """The bytes of a file for `parse`; of one that is too large only as many as show it. Raises OSError, YamlError."""
    if not stat.S_ISREG(file.stat().st_mode):  # a pipe or a device may never end
        raise YamlError(1, 1, "this is no file with text; take it out of the folder, or give it another name")
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def parse(data: bytes) -> Document:
    """The one document of a file. Raises YamlError; an empty file is None."""
    if len(data) > MAX_BYTES:
        raise YamlError(1, 1, f"the file has more than {MAX_BYTES} bytes; split it over files")
    if len(data) > MAX_VALUES and sum(map(data.count, (b",", b"\n", b":", b"[", b"{"))) > MAX_VALUES:
        raise YamlError(1, 1, f"the file has more than {MAX_VALUES} values; split it over files")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise YamlError(line, column, "this is not UTF-8 text; save the file as UTF-8") from None
    builder = _Builder()
    try:
        with collector_off():
            next_event, take = yaml.CSafeLoader(text).get_event, builder.take
            while (event := next_event()) is not None:
                take(event)
    except yaml.MarkedYAMLError as error:
        raise YamlError(*yaml_words.explained(text, error)) from None
    except yaml.reader.ReaderError:
        raise _unprintable(text) from None
    except yaml.YAMLError as error:
        raise YamlError(1, 1, f"this is not YAML: {error}") from None
    return Document(builder.value, builder.places)


def _unprintable(text: str) -> YamlError:
    """libyaml does not say the line of a character that YAML does not allow."""
    found = _NOT_IN_YAML.search(text)
    at = found.start() if found else 0
    shown = f"character U+{ord(text[at]):04X}" if text else "a character"
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return YamlError(line, column, f"{shown} may not stand in YAML; take it out")


class _Builder:
    """Takes events in order and keeps the open containers on a stack."""

    def __init__(self) -> None:
        self.value: Any = None
        self.places: dict[int, dict[str, Place] | list[Place]] = {}
        self._open: list[tuple[dict[str, Any] | list[Any], Any, str | None]] = []
        self._container: Any = None
        self._container_places: Any = None
        self._key: str | None = None  # of the mapping at hand, when its value is next
        self._key_place: Place = (1, 1)
        self._documents = 0

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._start({}, {}, event)
        elif kind is yaml.SequenceStartEvent:
            self._start([], [], event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._container, self._container_places, self._key = self._open.pop()
        elif kind is yaml.AliasEvent:
            name = event.anchor
            raise _at(event, f'alias *{name} is not supported; if text is meant, quote it: "*{name}"')
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise _at(event, "a second document begins here; a file holds one: take out the ---")

    def _scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            raise _extra(event)
        container = self._container
        text = event.value
        plain = event.implicit[0]
        if type(container) is dict and self._key is None:
            self._take_key(event, text, plain)
            return
        value: Any = text
        if plain:
            if text in _TYPED:
                value = _TYPED[text]
            elif text == "":
                value = None
            elif _INTEGER.match(text):
                value = int(text)
        self._put(value, event)

    def _take_key(self, event: Any, text: str, plain: bool) -> None:
        if plain and text == "<<":
            raise _at(event, "merge keys (<<) are not supported; write the keys out")
        if plain and (text == "" or text in _TYPED):
            raise _at(event, f'{text or "nothing"} is no key; if text is meant, quote it: "{text}"')
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        known = self._container_places
        if text in known:
            raise YamlError(*place, f'the key "{text}" stands twice, first in line {known[text][0]}; take one out')
        known[text] = place
        self._key = text

    def _put(self, value: Any, event: Any) -> None:
        """The value goes under the waiting key, to the end of the list, or is the whole document."""
        container = self._container
        if type(container) is dict:
            container[self._key] = value
            self._key = None
        elif container is None:
            self.value = value
        else:
            mark = event.start_mark
            container.append(value)
            self._container_places.append((mark.line + 1, mark.column + 1))

    def _start(self, container: Any, places: Any, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            raise _extra(event)
        if type(self._container) is dict and self._key is None:
            raise _at(event, 'a key must be text; if braces or brackets are meant as text, quote it: "{…}"')
        if len(self._open) >= MAX_DEPTH:
            raise _at(event, f"more than {MAX_DEPTH} levels; write it flatter")
        self._put(container, event)
        self.places[id(container)] = places
        self._open.append((self._container, self._container_places, self._key))
        self._container, self._container_places, self._key = container, places, None


def _at(event: Any, message: str) -> YamlError:
    return YamlError(event.start_mark.line + 1, event.start_mark.column + 1, message)


def _extra(event: Any) -> YamlError:
    """An anchor or a tag before a value."""
    if event.anchor is not None:
        return _at(event, f'anchor &{event.anchor} is not supported; if text is meant, quote it: "&{event.anchor}"')
    tag = event.tag.replace("tag:yaml.org,2002:", "!!")
    return _at(event, f'tag {tag} is not supported; if text is meant, quote it: "{tag}"')
