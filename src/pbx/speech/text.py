"""Text as speech engines can read it: signs that all of them know, digits as words, each script in its own voice.

An engine that meets a sign it does not know may leave out the sentence and still end well (festival does): so a text is
refused here, before anything is made.
"""

from __future__ import annotations

import re
import unicodedata

from pbx.speech.spoken import forms, slots
from pbx.speech.spoken.forms import Form

_SAME = str.maketrans({
    "«": " ", "»": " ", "„": " ", "“": " ", "”": " ", '"': " ", "(": ", ", ")": ", ", "[": ", ", "]": ", ",
    "—": ",", "–": ",", "‑": "-", "‒": ",", "…": ".", "’": "'", "‘": "'", "`": "'", "\u00ad": "",
})  # fmt: skip
_WORDS = {
    "ru": {
        "№": " номер ", "%": " процентов ", "&": " и ", "@": " собака ", "+": " плюс ", "/": " ", "°": " градусов ",
        "#": " решётка ", "*": " звёздочка ",
    },
    "en": {
        "№": " number ", "%": " percent ", "&": " and ", "@": " at ", "+": " plus ", "/": " ", "°": " degrees ",
        "#": " pound ", "*": " star ",
    },
}  # fmt: skip
_STOPS = " .,;!?-'"
_CYRILLIC, _LATIN = re.compile(r"[а-яё]", re.IGNORECASE), re.compile(r"[a-z]", re.IGNORECASE)
_OTHER = {"ru": "en-US", "en": "ru-RU"}  # who says the words of the other script
_PHONE = re.compile(r"\+\d{7,15}")
_CLOCK = re.compile(r"([^\W\d]+\s+)?\b([01]?\d|2[0-3]):([0-5]\d)\b")
_NUMBER = re.compile(r"([^\W\d]+\s+)?(?<!\d)(\d+)")


class TextError(ValueError):
    """A text that no engine can say; the message says what would be right."""


def problem(language: str, text: str, values: tuple[str, ...] = tuple(slots.VALUES)) -> str | None:
    """What is wrong with the text of a prompt, or None; `values` are those that it may have slots for."""
    try:
        for name in slots.names(language, text):
            if name not in values:
                return f"has a slot {{{name}}}, which has no value here; known are {', '.join(values)}"
        for part in slots.parts(language, text):
            if isinstance(part, str) and any(letter.isalnum() for letter in part):
                segments(language, part)
        if not any(letter.isalnum() for letter in text):
            return "has no word in it; write some"
    except ValueError as error:
        return str(error)
    return None


def segments(language: str, text: str) -> list[tuple[str, str]]:
    """(language, words) in order: for Russian and English the words of the other script go to the other voice.

    Raises TextError.
    """
    family = language[:2]
    plain = unicodedata.normalize("NFC", text).translate(_SAME)
    if family not in _WORDS:
        plain = plain.replace(":", ",")
        _refuse(plain, "".join(sorted({sign for sign in plain if not _known_anywhere(sign)})))
        return [(language, " ".join(plain.split()))]
    found = []
    for of, written in _runs(plain, family):
        spoken = language if of == family else _OTHER[family]
        words = _spelt(spoken, written)
        for sign, word in _WORDS[of].items():
            words = words.replace(sign, word)
        unknown = {sign for sign in words if not (sign.isspace() or sign in _STOPS or _script(sign))}
        _refuse(text, "".join(sorted(unknown)))
        found.append((spoken, _tidy(words)))
    if not found:
        raise TextError("has no word in it; write some")
    return found


def _refuse(text: str, unknown: str) -> None:
    if unknown:
        raise TextError(f"has {', '.join(map(repr, unknown))}, which no voice can say; write it as words")
    if not any(letter.isalnum() for letter in text):
        raise TextError("has no word in it; write some")


def _known_anywhere(sign: str) -> bool:
    return sign.isalnum() or sign.isspace() or sign in _STOPS + "%&@+/#*" or unicodedata.combining(sign) > 0


def _spelt(language: str, text: str) -> str:
    """Digits as words, in the case of the preposition before them; a slot says it better where grammar matters."""
    text = _PHONE.sub(lambda found: f", {forms.words(language, Form('phone'), found.group())}, ", text)
    text = _CLOCK.sub(lambda found: _after(language, found[1], "time", f"{found[2]:0>2}:{found[3]}"), text)
    text = _NUMBER.sub(lambda found: _after(language, found[1], *_of_digits(found[2])), text)
    return text.replace(":", ",")


def _after(language: str, before: str | None, name: str, value: str) -> str:
    case = slots.case_after(before or "") if name in ("time", "number") else ""
    return f"{before or ' '}{forms.words(language, Form(name, case), value)} "


def _of_digits(digits: str) -> tuple[str, str]:
    """A number, unless it is too long for one or begins with a zero: then digit by digit."""
    return ("digits" if len(digits) > 6 or (digits[0] == "0" and len(digits) > 1) else "number"), digits


def _script(sign: str) -> str:
    return "ru" if _CYRILLIC.match(sign) else "en" if _LATIN.match(sign) else ""


def _runs(text: str, family: str) -> list[tuple[str, str]]:
    """(script, words), neighbours of one script together; numbers and marks go with the word before them."""
    out: list[tuple[str, list[str]]] = []
    for word in text.split():
        script = next((of for sign in word if (of := _script(sign))), "")
        if not script and not out:
            script = family
        if out and script in ("", out[-1][0]):
            out[-1][1].append(word)
        else:
            out.append((script, [word]))
    return [(script, " ".join(words)) for script, words in out if any(letter.isalnum() for letter in "".join(words))]


def _tidy(text: str) -> str:
    """One mark after a word: `слово , .` → `слово.`"""
    text = re.sub(r"\s+([.,;!?])", r"\1", " ".join(text.split()))
    return re.sub(r"[.,;!?]*([.!?])[.,;!?]*|[,;]+(?=[,;])", r"\1", text).strip(" ,;")
