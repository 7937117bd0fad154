"""The story of a simulated call, told in a language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from pbx.analysis.english import ENGLISH
from pbx.analysis.language import Language
from pbx.analysis.russian import RUSSIAN
from pbx.calls.simulated.world import Told
from pbx.routing import reason
from pbx.routing.reason import Reason

LANGUAGES: Mapping[str, Language] = {"en": ENGLISH, "ru": RUSSIAN}


def spoken(environment: Mapping[str, str]) -> str:
    """The language of the messages of this environment (POSIX: LC_ALL, LC_MESSAGES, LANG; the first that is set)."""
    named = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return named[:2].lower() if named[:2].lower() in LANGUAGES else "en"


def in_words(why: Reason | str, language: Language) -> str:
    """A reason in this language; a text as it is."""
    if isinstance(why, str):
        return why
    return reason.told(why, language.reasons, day=language.day, legs=language.legs)


def heading(at: datetime, zone: str, caller: str, dialled: str, language: Language) -> str:
    """Who calls whom, and when on the tenant's clock."""
    weekday = language.weekdays[at.weekday()]
    who = language.anonymous if caller == "anonymous" else caller
    return language.heading.format(weekday=weekday, at=at, zone=zone, caller=who, dialled=dialled)


def story_of(told: Told, at: datetime, language: Language) -> Iterator[str]:
    """What happened, each line with the clock time and the second of the call."""
    for second, what, about in told.events:
        clock = (at + timedelta(seconds=second)).strftime("%H:%M:%S")
        head = f"{clock} {second:6.1f} s  "
        words = in_words(about, language)
        if what == "node":
            yield f"{head}{words}"
        elif what == "why":
            yield f"{head}    {words}"
        elif what == "ends":
            yield f"{head}{language.events[what].format(about=language.ends.get(words, words))}"
        else:
            yield f"{head}  {language.events[what].format(about=words)}"


def outcome(told: Told, language: Language) -> Iterator[str]:
    """The path, and what the caller and the record have of it."""
    yield language.path.format(path=" → ".join(told.record.path) or language.nowhere)
    yield language.answer.format(answer=told.answer or language.no_answer, disposition=told.record.disposition)
