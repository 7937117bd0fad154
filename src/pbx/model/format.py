"""One way to write a file of the model: `pbx fmt`.

What the file says and every comment stay; a text of which that cannot be promised is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from pbx.model import format_print, format_tree
from pbx.model.format_tree import Collection, Entry, Scalar, Tree
from pbx.model.schemas import Node, kinds_of
from pbx.model.yaml_events import YamlError, parse

_OTHER_LINES = "\x85\u2028\u2029"  # line ends of old YAML that editors do not show


def formatted(data: bytes, role: str = "tenant") -> str:
    """The text in the one way to write it. `role` is tenant or site. Raises YamlError with the place."""
    document = parse(data)
    text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    _refuse(text)
    tree = format_tree.read(text)
    out = format_print.printed(tree, _order(role))
    if not _same(document.value, out) or comments(tree) != comments(format_tree.read(out)):
        raise YamlError(1, 1, "this file cannot be formatted without a change of what it says; it is left as it is")
    return out


def _refuse(text: str) -> None:
    """What libyaml reads and this does not keep."""
    for number, line in enumerate(text.split("\n"), 1):
        for character in _OTHER_LINES:
            if character in line:
                column = line.index(character) + 1
                raise YamlError(number, column, f"a line separator U+{ord(character):04X} stands here; take it out")
        if line.startswith("%"):
            raise YamlError(number, 1, "a line may not begin with %; take it out")


def _same(value: object, out: str) -> bool:
    """Is what the new text says what the old one said, to the type?"""
    try:
        again = parse(out.encode("utf-8")).value
    except YamlError:
        return False
    return json.dumps(value, sort_keys=True) == json.dumps(again, sort_keys=True)


def comments(tree: Tree) -> list[str]:
    """Every comment of a file, sorted: none may be lost, doubled or changed."""
    found: list[str] = [*tree.head]

    def visit(node: Scalar | Collection | None) -> None:
        if isinstance(node, Collection):
            found.extend(node.tail)
            for entry in node.entries:
                visit_entry(entry)
        elif node is not None and node.style in ("|", ">") and "#" in node.raw.partition("\n")[0]:
            found.append(node.raw.partition("\n")[0].partition("#")[2])

    def visit_entry(entry: Entry) -> None:
        found.extend(entry.before)
        if entry.behind:
            found.append(entry.behind.text)
        visit(entry.value)

    visit(tree.root)
    return sorted(text for text in found if text.startswith("#"))


@cache
def _order(role: str) -> Callable[[tuple[str | int, ...]], list[str]]:
    """Path → the keys of that mapping in the order of its schema; ids have none."""
    kinds = kinds_of(role)

    def keys(path: tuple[str | int, ...]) -> list[str]:
        if not path:
            return ["version", *kinds]
        if path[0] == "templates":  # as an object of that kind
            path = path[1:]
        kind = kinds.get(str(path[0])) if path else None
        if kind is None:
            return []
        inside = path[1:] if kind.shape == "single" else path[2:]
        if kind.shape != "single" and len(path) < 2:
            return []
        node: Node | None = kind.node
        for step in inside:
            if node is None:
                return []
            node = node.items if isinstance(step, int) else node.properties.get(step) or node.extra
        return list(node.properties) if node is not None else []

    return keys
