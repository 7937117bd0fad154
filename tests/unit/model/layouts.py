"""One value written in many ways: styles, quotes, indentation, empty lines, and a comment wherever YAML allows one.

What a person may write, made by chance from a seed, and with the place of every comment known: `Written.behind` and
`before` say which path a comment belongs to. It knows nothing of the formatter that it tests.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
PLAIN = re.compile(r"[A-Za-zА-Яа-я][A-Za-zА-Яа-я0-9 /_.-]*\Z")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


@dataclass
class Written:
    """A text, and to which path each comment belongs (those at the end of something: to none)."""

    lines: list[str] = field(default_factory=list)
    before: dict[str, Path] = field(default_factory=dict)
    behind: dict[str, Path] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def written(value: dict[str, Any], chance: random.Random) -> Written:
    """The value as a file."""
    writer = _Writer(chance)
    writer.block(value, 0, ())
    return writer.out


class _Writer:
    def __init__(self, chance: random.Random) -> None:
        self.out = Written()
        self._chance = chance
        self._count = 0

    def _comment(self) -> str:
        self._count += 1
        return self._chance.choice(["# {}", "#{}", "# {}: [a, 'b] #", '# "{}" {{']).format(f"c{self._count}.")

    def _seldom(self) -> bool:
        return self._chance.random() < 0.15

    def _above(self, indent: int, path: Path) -> None:
        """Empty lines and comments before an entry."""
        if self._seldom():
            self.out.lines += [""] * self._chance.randint(1, 3)
        while self._seldom():
            comment = self._comment()
            if any(line and not line.lstrip().startswith("#") for line in self.out.lines):
                self.out.before[comment] = path
            else:  # at the top of a file it may speak of the file
                self.out.others.append(comment)
            self.out.lines.append(" " * indent + comment)
            if self._seldom():
                self.out.lines.append("   ")

    def _end_of_line(self, path: Path) -> None:
        if self._seldom():
            comment = self._comment()
            self.out.behind[comment] = path
            self.out.lines[-1] += " " * self._chance.randint(1, 9) + comment

    def block(self, value: Any, indent: int, path: Path) -> None:
        """A mapping or list over several lines."""
        entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        if isinstance(value, dict) and path not in ((), ("numbers",)) and self._seldom():
            self._chance.shuffle(entries)
        for step, inner in entries:
            self._above(indent, (*path, step))
            begin = " " * indent + (f"{self.scalar(str(step), True)}:" if isinstance(value, dict) else "-")
            self._value(begin, inner, indent, (*path, step), isinstance(value, list))
        if self._seldom():
            comment = self._comment()
            self.out.others.append(comment)
            self.out.lines.append(" " * indent + comment)

    def _value(self, begin: str, value: Any, indent: int, path: Path, item: bool) -> None:
        lines = self.out.lines
        if isinstance(value, (dict, list)) and value and self._chance.random() < 0.6:
            deeper = indent + self._chance.randint(1, 4)
            if isinstance(value, list) and not item and self._seldom():
                deeper = indent
            lines.append(begin)
            if item and isinstance(value, dict) and self._chance.random() < 0.8:  # - key: value
                at = len(lines)
                self._quiet_first(value, indent + 2, path)
                lines[at - 1 : at + 1] = [begin + " " + lines[at].lstrip()]
                return
            if not item:
                self._end_of_line(path)
            self.block(value, deeper, path)
        elif isinstance(value, (dict, list)):
            lines.append(begin + " ")
            self._flow(value, path, indent + 1)
            self._end_of_line(path)
        else:
            lines.append(begin + self._chance.choice([" ", " ", "   "]) + self.scalar(value, False))
            self._end_of_line(path)

    def _quiet_first(self, value: dict[str, Any], indent: int, path: Path) -> None:
        """A block whose first line has nothing above it, as after a dash."""
        first, *others = value.items()
        key = f"{self.scalar(first[0], True)}:"
        self._value(" " * indent + key, first[1], indent, (*path, first[0]), False)
        for step, inner in others:
            self._above(indent, (*path, step))
            self._value(" " * indent + f"{self.scalar(step, True)}:", inner, indent, (*path, step), False)

    def _flow(self, value: Any, path: Path, indent: int) -> None:
        opens, closes = "{}" if isinstance(value, dict) else "[]"
        lines = self.out.lines
        lines[-1] += opens + self._chance.choice(["", " "])
        many = self._seldom()  # over several lines
        entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for at, (step, inner) in enumerate(entries):
            if many and self._chance.random() < 0.5:
                lines.append("")
                self._above(indent, (*path, step))
                lines.append(" " * indent)
            if isinstance(value, dict):
                lines[-1] += f"{self.scalar(step, True)}: "
            if isinstance(inner, (dict, list)):
                self._flow(inner, (*path, step), indent + 1)
            else:
                lines[-1] += self.scalar(inner, False)
            last = at + 1 == len(entries)
            lines[-1] += "" if last else self._chance.choice([",", ", ", " , "])
            if many and self._seldom():
                self._end_of_line((*path, step))
                lines.append(" " * indent)
        lines[-1] += closes

    def scalar(self, value: Any, key: bool) -> str:
        """One of the ways to write it."""
        if not isinstance(value, str):
            return json.dumps(value)
        ways = ['"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"']
        if "\n" not in value:
            ways.append("'" + value.replace("'", "''") + "'")
        if PLAIN.match(value) and value == value.strip() and value.lower() not in WORDS:
            ways += [value] * 3
        if key and "\n" in value:
            return ways[0]
        return self._chance.choice(ways)


def paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place in a value with the container that it stands in."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step), value
        yield from paths(inner, (*path, step))
