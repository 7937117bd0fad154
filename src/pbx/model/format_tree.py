"""YAML text → a tree in which every comment and empty line has its owner, so that keys can move and no word gets lost.

libyaml's events give the scalars and their places, and no comments. A `#` outside of every scalar begins one. A comment
on a line of its own belongs to the entry below it, or, when it is indented deeper than that, to the end of what it
stands in; a comment behind something belongs to that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

BLANK = ""  # an empty line among comments


@dataclass(slots=True)
class Scalar:
    """One text, number or word. `raw` is as written; `style` is "" (plain), ', ", | or >."""

    raw: str
    value: str
    style: str
    start: int
    end: int


@dataclass(slots=True)
class Behind:
    """A comment behind something on its line, after `gap` spaces."""

    gap: int
    text: str


@dataclass(slots=True)
class Entry:
    """A key with its value, or an item of a list (`key` is None)."""

    key: Scalar | None
    value: Scalar | Collection
    before: list[str] = field(default_factory=list)  # comments and BLANK
    behind: Behind | None = None  # behind the value, or behind the key of a block


@dataclass(slots=True)
class Collection:
    """A mapping or a list, in block or flow style; `column` counts from 0."""

    mapping: bool
    flow: bool
    column: int
    entries: list[Entry] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)  # comments and BLANK after the last entry
    breaks: list[bool] = field(default_factory=list)  # flow: does a new line begin before entry n, and before the end


@dataclass(slots=True)
class Tree:
    """A whole file."""

    root: Scalar | Collection | None
    head: list[str]  # before the first entry, and none of its own
    explicit: bool  # it begins with ---


def read(text: str) -> Tree:
    """The tree of a text that `yaml_events.parse` has accepted; its lines end with LF."""
    return _Reader(text).tree()


@dataclass(slots=True)
class _Trivia:
    """A comment or an empty line that nobody has taken yet."""

    index: int
    column: int
    text: str
    own_line: bool
    gap: int = 0


class _Reader:
    """Walks the events once; `_cursor` is behind the last thing that was taken from the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]
        self._events = _events(text)
        self._next = 0
        self._cursor = 0
        spans = [(s.start, s.end) for s in map(self._scalar, self._events) if s is not None and s.end > s.start]
        self._trivia = list(self._found(spans))
        self._first = 0  # of the trivia not taken

    # what the text holds beside scalars

    def _found(self, spans: list[tuple[int, int]]) -> Iterator[_Trivia]:
        """Comments and empty lines between the scalars, in order."""
        position = 0
        for start, end in [*spans, (len(self._text), len(self._text))]:
            at = position
            while at < start:
                stop = self._text.find("\n", at, start)
                stop = start if stop < 0 else stop
                yield from self._of_line(at, stop, stop < start or start == len(self._text))
                at = stop + 1
            position = end

    def _of_line(self, at: int, stop: int, whole: bool) -> Iterator[_Trivia]:
        """What a line, or the part of one that ends before a scalar, holds."""
        begin = self._line_start(at)
        mark = self._text.find("#", at, stop)
        if mark >= 0:
            indent = self._text[begin:mark]
            own = not indent.strip()
            gap = len(indent) - len(indent.rstrip())
            yield _Trivia(mark, mark - begin, self._text[mark:stop].rstrip(), own, gap)
        elif at == begin and whole and stop < len(self._text) and not self._text[at:stop].strip():
            yield _Trivia(at, 0, BLANK, True)

    def _line_start(self, index: int) -> int:
        return self._lines[bisect_right(self._lines, index) - 1]

    def _column(self, index: int) -> int:
        return index - self._line_start(index)

    def _take(self, until: int) -> list[_Trivia]:
        """All that stands before a place and was not taken."""
        begin = self._first
        while self._first < len(self._trivia) and self._trivia[self._first].index < until:
            self._first += 1
        return self._trivia[begin : self._first]

    def _take_behind(self) -> Behind | None:
        """The comment behind the cursor on its line; a comma may stand between."""
        if self._first == len(self._trivia):
            return None
        trivia = self._trivia[self._first]
        between = self._text[self._cursor : trivia.index]
        if trivia.own_line or between.strip(" \t,"):
            return None
        self._first += 1
        return Behind(trivia.gap, trivia.text)

    def _skip_to(self, characters: str) -> str:
        """The next character of the structure; the cursor goes behind it when it is one of these."""
        at = self._cursor
        while at < len(self._text):
            if self._text[at] == "#":
                at = self._text.find("\n", at)
                if at < 0:
                    break
            elif not self._text[at].isspace():
                if self._text[at] in characters:
                    self._cursor = at + 1
                return self._text[at]
            at += 1
        return ""

    # the tree

    def tree(self) -> Tree:
        self._pop()  # the stream
        if isinstance(self._peek(), yaml.StreamEndEvent):
            return Tree(None, _lines(self._take(len(self._text) + 1)), False)
        document: Any = self._pop()
        head: list[str] = []
        if document.explicit:
            head = [*_lines(self._take(document.start_mark.index)), "---"]
            self._cursor = document.end_mark.index
            if behind := self._take_behind():
                head.append(behind.text)
        root = self._node()
        if isinstance(root, Collection):
            first = root.entries[0] if root.entries else None
            if first is not None and not root.flow:
                own = _of_first(first.before)
                head += first.before[: len(first.before) - len(own)]
                first.before = own
            self._hand_out(self._take(len(self._text) + 1), -1, root, Entry(None, root))
        else:
            head += _lines(self._take(len(self._text) + 1))
        return Tree(root, head, document.explicit)

    def _peek(self) -> Any:
        return self._events[self._next]

    def _pop(self) -> Any:
        self._next += 1
        return self._events[self._next - 1]

    def _node(self) -> Scalar | Collection:
        event = self._pop()
        scalar = self._scalar(event)
        if scalar is not None:
            if scalar.end > scalar.start:
                self._cursor = scalar.end
            return scalar
        mapping = isinstance(event, yaml.MappingStartEvent)
        found = Collection(mapping, bool(event.flow_style), self._column(event.start_mark.index))
        return self._flow(found, event) if found.flow else self._block(found)

    def _scalar(self, event: Any) -> Scalar | None:
        if not isinstance(event, yaml.ScalarEvent):
            return None
        start, end = _span(event)
        style = event.style or ""
        raw = self._text[start:end]
        if style in ("|", ">") and style:
            if "+" in raw.partition("\n")[0].partition("#")[0]:
                return Scalar(raw.removesuffix("\n"), event.value, style, start, end)
            raw = raw.rstrip()
            end = start + len(raw)
        return Scalar(raw, event.value, style, start, end)

    def _block(self, found: Collection) -> Collection:
        previous: Entry | None = None
        while not isinstance(self._peek(), (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            if found.mapping:
                self._skip_to("?")
                at = self._peek().start_mark.index
            else:
                self._skip_to("-")
                at = self._cursor - 1
            before = self._hand_out(self._take(at), found.column, found, previous)
            previous = self._entry(before, found.mapping)
            found.entries.append(previous)
        self._pop()
        return found

    def _entry(self, before: list[str], mapping: bool) -> Entry:
        key = self._node() if mapping else None
        if mapping:
            self._skip_to(":")
        event = self._peek()
        block = not isinstance(event, yaml.ScalarEvent) and not event.flow_style
        behind = self._take_behind()
        if behind is not None and not (mapping and (block or self._is_empty(event))):
            before, behind = [*before, behind.text], None
        if not block and not self._is_empty(event):
            before += _lines(self._take(event.start_mark.index))
        value = self._node()
        if isinstance(value, Scalar) or value.flow:
            behind = behind or self._take_behind()
        assert key is None or isinstance(key, Scalar)
        return Entry(key, value, before, behind)

    @staticmethod
    def _is_empty(event: Any) -> bool:
        return isinstance(event, yaml.ScalarEvent) and len(set(_span(event))) == 1

    def _flow(self, found: Collection, event: Any) -> Collection:
        bare = event.start_mark.index == event.end_mark.index  # the a: 1 in [a: 1]
        if not bare:
            self._cursor = event.end_mark.index
        waiting = [] if bare else [behind.text for behind in [self._take_behind()] if behind]
        while not isinstance(self._peek(), (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            behind_last = self._cursor
            self._skip_to("?" if found.mapping else "")
            start = self._peek().start_mark.index
            found.breaks.append("\n" in self._text[behind_last:start])
            entry = self._entry([*waiting, *_lines(self._take(start))], found.mapping)
            if not bare:
                self._skip_to(",")
                entry.behind = entry.behind or self._take_behind()
            waiting = []
            found.entries.append(entry)
        end = self._pop()
        if not bare:
            closed = end.start_mark.index
            found.tail = [*waiting, *_lines(self._take(closed))]
            found.breaks.append("\n" in self._text[self._cursor : closed])
            self._cursor = end.end_mark.index
        else:
            found.breaks.append(False)
        return found

    def _hand_out(self, trivia: list[_Trivia], column: int, of: Collection, previous: Entry | None) -> list[str]:
        """Comments deeper than `column` go to the end of what closed before; the others are returned for what comes."""
        chain = [of] if column < 0 else []
        value = previous.value if previous and column >= 0 else (of.entries[-1].value if of.entries else None)
        while isinstance(value, Collection) and not value.flow and value.entries:
            chain.append(value)
            value = value.entries[-1].value
        blanks: list[str] = []
        for at, each in enumerate(trivia):
            if each.text == BLANK:
                blanks = [BLANK]
                continue
            chain = [one for one in chain if one.column <= each.column or (column < 0 and one is of)]
            if not chain or each.column <= column:
                return [*blanks, *_lines(trivia[at:])]
            chain[-1].tail += [*blanks, each.text]
            blanks = []
        return blanks if column >= 0 else []


def _events(text: str) -> list[Any]:
    loader = yaml.CSafeLoader(text)
    out = []
    while (event := loader.get_event()) is not None:
        out.append(event)
    return out


def _span(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


def _lines(trivia: list[_Trivia]) -> list[str]:
    return [each.text for each in trivia]


def _of_first(before: list[str]) -> list[str]:
    """Of the comments above the first key, those that are its own: after an empty line or a line for an editor."""
    head = 0
    for at, text in enumerate(before):
        if text == BLANK or text.startswith(("# yaml-language-server:", "# vim:", "# -*-", "#!")):
            head = at + 1
    return before[head:]
