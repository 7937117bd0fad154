"""The phrases that may be said at one place, and what was made of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_SIGNS = re.compile(r"[^\w\s]+")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`language` as the model has it (`ru-RU`); `phrases` as they are written there."""

    language: str
    phrases: tuple[str, ...]

    def phrase(self, text: str) -> str | None:
        """The phrase that these words are, all of them: who says more than a phrase may mean its opposite."""
        said = normalised(text)
        return next((one for one in self.phrases if normalised(one) == said), None)


@dataclass(frozen=True, slots=True)
class Heard:
    """`phrase` is None where nothing of the vocabulary was understood; `score` is 0 to 1, of what was proposed."""

    phrase: str | None
    score: float
    engine: str


class EngineError(Exception):
    """The engine is away, or answers what is no answer; the text says what, for the log and the record."""


class Engine(Protocol):
    """Makes one of a few phrases of an answer: `pcm` is 16-bit, 8 kHz, mono. Raises EngineError.

    It may take its time: whoever asks sets the deadline. One that works in threads of its own is asked one answer
    after the other.
    """

    name: str

    async def recognise(self, pcm: bytes, vocabulary: Vocabulary) -> Heard: ...


def normalised(text: str) -> str:
    """Words alone, in small letters, as a recogniser writes them: ё is е, no signs."""
    return " ".join(_SIGNS.sub(" ", text.casefold().replace("ё", "е")).split())


def syllables(phrase: str, language: str) -> int:
    """Roughly how many there are: groups of vowels; in Russian each vowel is one."""
    vowels = "аеёиоуыэюя" if language.startswith("ru") else "aeiouyаеёиоуыэюя"
    text = normalised(phrase)
    if language.startswith("ru"):
        return sum(letter in vowels for letter in text)
    groups = re.findall(f"[{vowels}]+", re.sub(r"e\b", "", text))
    return max(len(groups), len(text.split()))


def of_names(names: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Phrases by which people may be asked for: the whole name, its words the other way round, the last word alone.
    `names` are (name, whatever it stands for); a phrase that would be two people is nobody's."""
    found: dict[str, set[str]] = {}
    for name, stands_for in names:
        words = normalised(name).split()
        if not words:
            continue
        for phrase in {" ".join(words), " ".join(reversed(words)), words[-1]}:
            found.setdefault(phrase, set()).add(stands_for)
    return {phrase: next(iter(those)) for phrase, those in found.items() if len(those) == 1}
