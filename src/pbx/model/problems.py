"""What is wrong with a model, and where: the one shape of a user's error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

Step = str | int
LONGEST = 1000  # characters of a message
Path = tuple[Step, ...]  # the way from the top of a document to a value: ("users", "ivanov", "devices", 0)


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning. `line` and `column` count from 1; 0 means that the whole file or folder is meant."""

    file: str
    line: int
    column: int
    pointer: str  # users.ivanov.forward; empty when no value is meant
    message: str  # what is wrong; what would be right
    severity: str = "error"  # error | warning

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        words = f"{self.pointer}: {self.message}" if self.pointer else self.message
        return f"{place}: {words}" if self.severity == "error" else f"{place}: {self.severity}: {words}"


class ModelErrors(Exception):
    """The model is refused; `problems` are all its errors in the order of their places, warnings among them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, by file, line and column."""
    return sorted(set(map(_shown, problems)), key=lambda p: (p.file, p.line, p.column, p.pointer, p.message))


def _shown(problem: Problem) -> Problem:
    """As it may stand in a terminal, and in the log of CI, where a line may be a command: in one line, of a length that
    can be read, and without characters that do something.
    """
    safe = len(problem.message) <= LONGEST and len(problem.pointer) <= LONGEST and problem.message.isprintable()
    if safe and problem.pointer.isprintable() and problem.file.isprintable():
        return problem
    file, pointer_, message = map(_printable, (problem.file, problem.pointer, problem.message))
    return replace(problem, file=file, pointer=pointer_, message=message)


def _printable(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[:300]} … {text[-200:]}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def pointer(path: Sequence[Step]) -> str:
    """The path as people read it: `users.ivanov.devices.desk`, items of lists in brackets: `flows.main[2].to`.

    A key with a dot or a bracket in it stands in quotes: `flows.main[4].when."crm.owner"`.
    """
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
            continue
        shown = f'"{step}"' if not step or (any(c in step for c in '.[]" ') and not step.startswith("+")) else step
        out += f".{shown}" if out else shown
    return out


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` when something near `word` is known, else nothing."""
    candidates = list(known)
    if len(candidates) > 2000:  # a close look at thousands of names costs seconds
        candidates = [name for name in candidates if name[:2] == word[:2] and abs(len(name) - len(word)) <= 2][:2000]
    near = get_close_matches(word, candidates, n=1, cutoff=0.7)
    return f'; did you mean "{near[0]}"?' if near else ""


def one_of(words: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return " or ".join(([", ".join(words[:-1])] if len(words) > 1 else []) + list(words[-1:]))
