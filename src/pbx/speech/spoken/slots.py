"""The slots of a prompt's text: `Мы работаем с {hours.open} до {hours.close}.`

| slot | says |
|-|-|
| `{hours.open}` | a value of the call, in the form that is usual for it |
| `{position ordinal f gen}` | a value of the call, with form, gender and case |
| `{count n: новое сообщение\\|новых сообщения\\|новых сообщений}` | a value of the call and what is counted |
| `{date 2026-11-25}`, `{money 1231.50 RUB}`, `{ordinal 3 f}`, `{phone +74951000100}` | a value in the text itself |

Without a case a clock time after `с`, `до`, `от`, `после` is in the genitive, after `к` in the dative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from pbx.speech.spoken import forms
from pbx.speech.spoken.forms import Form
from pbx.speech.spoken.russian import CASES, GENDERS

VALUES: Mapping[str, str] = {  # of a call → the form in which they are usually said
    "hours.open": "time",
    "hours.close": "time",
    "position": "ordinal",
    "count": "count",
    "digits": "digits",
    "number": "phone",
    "date": "date",
    "time": "time",
}
_BRACES = re.compile(r"\{([^{}]*)\}")
_PREPOSITIONS = {"с": "gen", "со": "gen", "до": "gen", "от": "gen", "после": "gen", "к": "dat", "ко": "dat"}


@dataclass(frozen=True, slots=True)
class Slot:
    """`name` is a value of the call; without one `value` stands in the text."""

    form: Form
    name: str = ""
    value: str = ""


@lru_cache(maxsize=4096)
def parts(language: str, text: str) -> tuple[str | Slot, ...]:
    """The text and its slots in order; what stands in the text is words already. Raises ValueError."""
    out: list[str | Slot] = []
    end = 0
    for found in _BRACES.finditer(text):
        before = text[end : found.start()]
        end = found.end()
        slot = _slot(found.group(1), before)
        if slot.name:
            out += [before, slot]
        else:
            out.append(before + forms.words(language, slot.form, slot.value))
    out.append(text[end:])
    if stray := next((each for each in out if isinstance(each, str) and re.search(r"[{}]", each)), None):
        raise ValueError(f"has a brace without its other in {stray.strip()!r}; write {{hours.open}}")
    return tuple(_joined(out))


def names(language: str, text: str) -> tuple[str, ...]:
    """The values of a call that a text has slots for. Raises ValueError."""
    return tuple(part.name for part in parts(language, text) if isinstance(part, Slot))


def filled(language: str, text: str, values: Mapping[str, str]) -> list[str]:
    """What is said, piece by piece. A value that is not known, or is none of its form, is left out."""
    out: list[str] = []
    for part in parts(language, text):
        out += chunks(language, part, values.get(part.name, "")) if isinstance(part, Slot) else _piece(part)
    return out


def whole(language: str, text: str, values: Mapping[str, str]) -> str:
    """What is said, as text; one with a wrong slot as it is written."""
    try:
        found = parts(language, text)
    except ValueError:
        return text
    said = [
        " ".join(chunks(language, part, values.get(part.name, ""))) if isinstance(part, Slot) else part
        for part in found
    ]
    return "".join(said).replace("..", ".")


def fixed(language: str, text: str) -> list[str]:
    """The pieces of a text that are the same in every call. Raises ValueError."""
    return [piece for part in parts(language, text) if isinstance(part, str) for piece in _piece(part)]


def chunks(language: str, slot: Slot, value: str) -> list[str]:
    """A value of a call in the form of its slot; nothing when it is none."""
    try:
        return forms.chunks(language, slot.form, value) if value else []
    except ValueError:
        return []


def _piece(text: str) -> list[str]:
    """A text between slots, without the marks that belonged to a slot; nothing when no word is in it."""
    return [text.strip().lstrip(".,;:!? ")] if any(letter.isalnum() for letter in text) else []


def _slot(inside: str, before: str) -> Slot:
    head, _, nouns = inside.partition(":") if "|" in inside else (inside, "", "")
    words = head.split()
    if not words:
        raise ValueError("has an empty slot {}; write {hours.open}")
    first, *rest = words
    counted = tuple(noun.strip() for noun in nouns.split("|")) if nouns else ()
    if first in VALUES and not (first in forms.FORMS and _values_of(rest)):
        name = next((word for word in rest if word in forms.FORMS), VALUES[first])
        form, left = _form(name, [word for word in rest if word != name], before, counted)
        if left:
            raise ValueError(f"has {left[0]!r} in {{{inside}}}; a form, a case or a gender is right")
        return Slot(form, name=first)
    if first not in forms.FORMS:
        known = ", ".join(f"{{{one}}}" for one in VALUES)
        raise ValueError(f"has {{{inside}}}; there is no such slot; known are {known}, and {', '.join(forms.FORMS)}")
    form, left = _form(first, rest, before, counted)
    if not left:
        raise ValueError(f"has {{{inside}}} without a value")
    return Slot(form, value=" ".join(left))


def _values_of(words: list[str]) -> list[str]:
    return [word for word in words if word not in CASES and word not in GENDERS and word != "year"]


def _form(name: str, words: list[str], before: str, nouns: tuple[str, ...]) -> tuple[Form, list[str]]:
    form = Form(name, nouns=nouns, year="year" in words)
    for word in words:
        if word in CASES:
            form = replace(form, case=word)
        elif word in GENDERS:
            form = replace(form, gender=word)
    if name in ("time", "number") and not form.case:
        form = replace(form, case=case_after(before))
    return form, _values_of(words)


def case_after(text: str) -> str:
    """The case of a number or a clock time after a text that ends with a preposition, "" for none."""
    return _PREPOSITIONS.get((text.split() or [""])[-1].lower(), "")


def _joined(found: list[str | Slot]) -> Iterator[str | Slot]:
    """Neighbouring texts as one, empty ones left out."""
    text = ""
    for part in found:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        yield part
        text = ""
    if text:
        yield text
