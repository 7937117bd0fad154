"""The sound of every prompt: recordings encoded, texts said once by the voice of their language.

A text with slots becomes pieces: what is the same in every call, and each chunk of words that a slot may need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pbx.model.load import Loaded
from pbx.speech import audio
from pbx.speech.engines import EngineError, Voice
from pbx.speech.made import Made, Maker
from pbx.speech.sound import SoundError
from pbx.speech.spoken import slots
from pbx.speech.spoken.slots import Slot
from pbx.speech.text import TextError
from pbx.speech.wav import WavError

Plain = Mapping[str, Any]
POSITIONS, COUNTED = 30, 50
"""How far a place in a queue and a number of messages are made: beyond it they are left out."""


class SpeechRefused(ValueError):
    """A prompt that cannot be made into sound; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text that became sound, for the plan."""

    prompt: str  # tenant/prompt, or the language of pieces
    language: str
    text: str
    seconds: float
    audio: str
    is_new: bool
    is_built_in: bool = False

    @property
    def sha256(self) -> str:
        return self.audio.partition(".")[0]


def with_sound(loaded: Loaded, cache: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]], Sounds]:
    """The site's and the tenants' plain documents with the names of their sound, and the sound itself.

    A tenant with voices of its own has pieces of its own, the others share the site's. Raises SpeechRefused.
    """
    site, tenants = dict(loaded.site_plain), {id_: dict(plain) for id_, plain in loaded.tenant_plain.items()}
    of_site = voices(site.pop("voices", {}))
    shared = Sounds(Maker(cache, of_site))
    alike: dict[str, Plain] = {}
    for id_, plain in tenants.items():
        own = voices(plain.pop("voices", {}))
        sounds = Sounds(Maker(cache, {**of_site, **own}), shared.audio, shared.said) if own else shared
        plain["prompts"] = sounds.tenant(id_, plain, loaded.folders[id_])
        if own:
            plain["spoken"] = sounds.pieces({id_: plain})
        else:
            alike[id_] = plain
    return {**site, "spoken": shared.pieces(alike)}, tenants, shared


def voices(plain: Plain) -> dict[str, Voice]:
    """Language → who speaks it."""
    return {
        language: Voice(said["engine"], said.get("voice", ""), said["speed"] / 100, tuple(said.get("command", ())))
        for language, said in plain.items()
    }


@dataclass(slots=True)
class Sounds:
    """Collects the sound that one set of voices makes; `audio`: file name → A-law."""

    maker: Maker
    audio: dict[str, bytes] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    def tenant(self, name: str, plain: Plain, folder: Path) -> dict[str, Any]:
        """The prompts of a tenant with the names of their sound. Raises SpeechRefused."""
        return {
            id_: {language: self._prompt(f"{name}/{id_}", language, said, folder) for language, said in prompt.items()}
            for id_, prompt in plain.get("prompts", {}).items()
        }

    def pieces(self, tenants: Mapping[str, Plain]) -> dict[str, dict[str, str]]:
        """Language → words → sound, of all that slots of the tenants' prompts may say. Raises SpeechRefused."""
        wanted = wanted_pieces(tenants)
        return {
            language: {words: self._text("", language, words) for words in sorted(wanted[language])}
            for language in sorted(wanted)
        }

    def _prompt(self, where: str, language: str, said: Plain, folder: Path) -> dict[str, Any]:
        if "file" in said:
            return {**said, "audio": self._recording(where, folder / said["file"])}
        spoken = said.get("spoken", language)
        if slots.names(spoken, said["say"]):
            return dict(said)
        return {**said, "audio": self._text(where, spoken, said["say"])}

    def _recording(self, where: str, path: Path) -> str:
        try:
            made = Made(audio.encode(path), str(path))
        except WavError as error:
            raise SpeechRefused(f"prompt {where}: {path.name} {error}") from None
        return self._keep(made)

    def _text(self, where: str, language: str, words: str) -> str:
        known = self._names.get((language, words))
        if known is None:
            try:
                made = self.maker.make(language, words)
            except (TextError, EngineError, SoundError) as error:
                what = f"prompt {where}" if where else f"the words {words!r}"
                raise SpeechRefused(f"{what} in {language}: {error}") from None
            known = self._names[language, words] = self._keep(made)
            self.said.append(Said(where, language, words, made.seconds, known, made.is_new, made.is_built_in))
        return known

    def _keep(self, made: Made) -> str:
        """The name is the digest of what was encoded, so equal sound is stored once."""
        name = f"{made.sha256}.alaw"
        self.audio[name] = made.narrow
        return name


def wanted_pieces(tenants: Mapping[str, Plain]) -> dict[str, set[str]]:
    """Language → what stands around the slots of the tenants' prompts, and the chunks that their values may need."""
    asked = {
        (language, text, _hours(plain) if any(name.startswith("hours.") for name in names) else frozenset())
        for plain in tenants.values()
        for language, text in _texts(plain)
        if (names := slots.names(language, text))
    }
    wanted: dict[str, set[str]] = {}
    for language, text, hours in asked:
        wanted.setdefault(language, set()).update(_pieces(language, text, hours))
    return wanted


def _texts(plain: Plain) -> Iterator[tuple[str, str]]:
    for prompt in plain.get("prompts", {}).values():
        for language, said in prompt.items():
            if "say" in said:
                yield said.get("spoken", language), said["say"]


def _pieces(language: str, text: str, hours: frozenset[str]) -> Iterator[str]:
    yield from slots.fixed(language, text)
    for part in slots.parts(language, text):
        if isinstance(part, Slot):
            for value in hours if part.name.startswith("hours.") else _values(part.name):
                yield from slots.chunks(language, part, value)


def _values(name: str) -> Iterable[str]:
    """What a slot may have to say in a call."""
    match name:
        case "position":
            return map(str, range(1, POSITIONS + 1))
        case "count":
            return map(str, range(COUNTED + 1))
        case "number":
            return [f"{digits:03}" for digits in range(1000)]
        case "date":
            return [str(date(2028, 1, 1) + timedelta(days=day)) for day in range(366)]
        case "time":
            return [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in range(24 * 60)]
        case _:
            return "0123456789"


def _hours(plain: Plain) -> frozenset[str]:
    """Every opening and closing of the schedules that an announcement or a menu tells, and of their calendars."""
    users = [*plain.get("announcements", {}).values(), *plain.get("ivrs", {}).values()]
    told = {user["hours"].removeprefix("schedule/") for user in users if "hours" in user}
    schedules = [plain["schedules"][name] for name in sorted(told)]
    rules = [rule for schedule in schedules for rule in schedule.get("open", ())]
    named = {calendar for schedule in schedules for calendar in schedule.get("calendars", ())}
    days = [day for name in named for day in plain["calendars"][name.removeprefix("calendar/")].get("days", ())]
    return frozenset(time for one in [*rules, *days] for hours in one.get("hours", ()) for time in hours.split("-"))
