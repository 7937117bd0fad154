"""A tree of `format_tree` → text: two spaces a level, keys in the order of their schema, else the author's lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pbx.model.format_scalar import written
from pbx.model.format_tree import BLANK, Behind, Collection, Entry, Scalar, Tree

STEP = 2
Order = Callable[[tuple[str | int, ...]], list[str]]  # a path from the top of a file → its keys in order; [] keeps all


def printed(tree: Tree, order: Order) -> str:
    """The whole file, which ends with a line feed; nothing where nothing stands."""
    lines = _once(tree.head, False)
    root = tree.root
    if isinstance(root, Collection):
        printer = _Printer(order)
        is_below = lines[-1:] not in ([], [BLANK])  # a comment of the file itself
        lines += printer.flow_lines(root, 0, "", ()) if root.flow else printer.block(root, 0, (), is_below)
        lines += root.tail if root.flow else []
    elif root is not None:
        lines += _continued(root, 0, written(root))
    return "".join(f"{line}\n" for line in _spaced(lines))


def _spaced(lines: list[str]) -> list[str]:
    """No empty line at the ends of a file."""
    out = list(lines)
    while out and out[0] == BLANK:
        del out[0]
    while out and out[-1] == BLANK:
        del out[-1]
    return out


class _Printer:
    def __init__(self, order: Order) -> None:
        self._order = order

    def block(self, found: Collection, indent: int, path: tuple[str | int, ...], keep_blank: bool = False) -> list[str]:
        """The lines of a block mapping or list at an indentation."""
        lines: list[str] = []
        for at, (step, entry) in enumerate(self._sorted(found, path)):
            before = _once(entry.before, keep_blank or at > 0)
            lines += [_indented(text, indent) for text in before]
            lines += self._entry(entry, indent, (*path, step))
        tail = _once(found.tail, bool(found.entries))
        return lines + [_indented(text, indent) for text in tail]

    def _sorted(self, found: Collection, path: tuple[str | int, ...]) -> list[tuple[str | int, Entry]]:
        """Keys that the schema knows in its order, then the others as they stand; the items of a list as they stand."""
        if not found.mapping:
            return list(enumerate(found.entries))
        named: list[tuple[str | int, Entry]] = [
            (entry.key.value if entry.key else "", entry) for entry in found.entries
        ]
        rank: dict[str | int, int] = {key: at for at, key in enumerate(self._order(path))}
        return sorted(named, key=lambda each: rank.get(each[0], len(rank)))

    def _entry(self, entry: Entry, indent: int, path: tuple[str | int, ...]) -> list[str]:
        begin = " " * indent + (f"{written(entry.key, key=True)}:" if entry.key else "-")
        value = entry.value
        if isinstance(value, Scalar):
            lines = self._scalar(begin, value, indent)
        elif value.flow:
            lines = self.flow_lines(value, indent, f"{begin} ", path)
        elif entry.key is None:
            return self._compact(value, indent, path)
        else:
            return [begin + _behind(entry.behind), *self.block(value, indent + STEP, path)]
        return [*lines[:-1], lines[-1] + _behind(entry.behind)]

    def _scalar(self, begin: str, value: Scalar, indent: int) -> list[str]:
        if value.style in ("|", ">") and value.style:
            return _literal(begin, value, indent)
        if not value.raw:
            return [begin]
        first, *rest = _continued(value, indent, written(value))
        return [f"{begin} {first}", *rest]

    def _compact(self, value: Collection, indent: int, path: tuple[str | int, ...]) -> list[str]:
        """`- key: value`: the item begins on the line of its dash; comments of its first key stand above that."""
        lines = self.block(value, indent + STEP, path)
        above = next((at for at, line in enumerate(lines) if line and not line.lstrip().startswith("#")), 0)
        hoisted = [_indented(line.strip(), indent) for line in lines[:above] if line]
        first = " " * indent + "- " + lines[above][indent + STEP :]
        return [*hoisted, first, *lines[above + 1 :]]

    def flow_lines(self, found: Collection, indent: int, begin: str, path: tuple[str | int, ...]) -> list[str]:
        """A mapping in braces or a list in brackets behind `begin`; lines break where the author broke them."""
        opens, closes = "{}" if found.mapping else "[]"
        lines = [begin + opens]
        entries = self._sorted(found, path)
        breaks = found.breaks or [False]
        inner = indent + STEP if breaks[0] else len(begin) + 1
        must = False  # behind a comment a line ends
        for at, (step, entry) in enumerate(entries):
            comments = [text for text in entry.before if text != BLANK]
            if must or comments or breaks[at]:
                if at == 0 and not breaks[0]:
                    inner = indent + STEP
                lines += [_indented(text, inner) for text in comments]
                lines.append(" " * inner)
            elif at:
                lines[-1] += " "
            lines += self._flow_entry(entry, lines.pop(), inner, (*path, step))
            lines[-1] += "," if at + 1 < len(entries) else ""
            must = entry.behind is not None
            lines[-1] += _behind(entry.behind)
        tail = [text for text in found.tail if text != BLANK]
        if must or tail or (breaks[-1] and entries):
            lines += [_indented(text, inner) for text in tail]
            lines.append(" " * indent)
        lines[-1] += closes
        return lines

    def _flow_entry(self, entry: Entry, begin: str, inner: int, path: tuple[str | int, ...]) -> list[str]:
        value = entry.value
        if entry.key is not None:
            begin += f"{written(entry.key, key=True)}: "
        if isinstance(value, Collection):
            return self.flow_lines(value, inner, begin, path)
        if not value.raw:
            return [f"{begin}null"]
        first, *rest = _continued(value, inner, written(value))
        return [begin + first, *rest]


def _continued(value: Scalar, indent: int, text: str) -> list[str]:
    """A scalar of one line, or one whose lines are folded: those are indented and else left alone."""
    if "\n" not in value.raw:
        return [text]
    first, *rest = value.raw.split("\n")
    return [first.rstrip(), *(" " * (indent + STEP) + line.strip(" \t") if line.strip() else "" for line in rest)]


def _literal(begin: str, value: Scalar, indent: int) -> list[str]:
    """A text after | or >: its lines move as a whole."""
    header, *lines = value.raw.split("\n")
    own = next((_spaces(line) for line in value.value.split("\n") if line.strip(" ")), 0)
    base = next((_spaces(line) for line in lines if line.strip(" ")), 0) - own
    header = re.sub(r"^([|>][-+]?)[1-9]", rf"\g<1>{STEP}", header)  # |4 says how deep the text stands
    shift = " " * (indent + STEP)
    return [f"{begin} {header.rstrip()}", *(shift + line[base:] if line[base:] else "" for line in lines)]


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _behind(comment: Behind | None) -> str:
    return " " * max(comment.gap, 2) + comment.text if comment else ""


def _indented(text: str, indent: int) -> str:
    return " " * indent + text if text else ""


def _once(lines: Iterable[str], keep_first: bool) -> list[str]:
    """At most one empty line in a row, and none first where nothing stands above."""
    out: list[str] = []
    for line in lines:
        if line == BLANK and (out[-1] == BLANK if out else not keep_first):
            continue
        out.append(line)
    return out
