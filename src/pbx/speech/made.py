"""Texts made into sound once: what the repository brings, else what was made before, else the engine.

A sound is known by its key: SHA-256 of the text as the engine gets it, engine, its version, voice, speed, and how the
sound was worked on. Equal keys sound equal; another version of an engine is another key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pbx.speech import audio, engines, sound, text
from pbx.speech.engines import Voice

FOLDER = Path(__file__).parent / "prompts"
INDEX = "made.json"
CHAIN = "alaw 8000, 300-3400 Hz, -20 dBFS, 1"
"""Raise the number when `sound` works otherwise."""


@dataclass(frozen=True, slots=True)
class Made:
    """A sound: A-law, its SHA-256, the key it is known by, and where it is from."""

    narrow: bytes
    key: str
    is_new: bool = False  # an engine made it just now
    is_built_in: bool = False  # the package brings it

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.narrow).hexdigest()

    @property
    def seconds(self) -> float:
        return len(self.narrow) / audio.RATE


@dataclass(slots=True)
class Maker:
    """`folder` keeps what was made; `voices` says who speaks a language (its own, else its usual voice)."""

    folder: Path
    voices: Mapping[str, Voice] = field(default_factory=dict)
    recorded: bool = True  # take what the repository brings

    def make(self, language: str, words: str) -> Made:
        """The words as sound. Raises TextError, EngineError, SoundError."""
        parts = text.segments(language, words)
        if self.recorded and self.voice(language) == engines.usual(language):
            known = recorded_as(language)
            brought = index(known).get(normal(language, words))
            if brought is not None:
                return Made(audio.encode(FOLDER / known / brought), brought, is_built_in=True)
        key = self.key(parts)
        kept = self.folder / f"{key}.alaw"
        if kept.exists():
            return Made(kept.read_bytes(), key)
        made = sound.of([engines.say(self.voice(of), of, said) for of, said in parts], words)
        _keep(self.folder / f"{key}.wav", made.wide)
        _keep(kept, made.narrow)
        return Made(made.narrow, key, is_new=True)

    def voice(self, language: str) -> Voice:
        """Who speaks a language."""
        return self.voices.get(language) or engines.usual(language)

    def key(self, parts: list[tuple[str, str]]) -> str:
        """Of a text in segments. Raises EngineError: the version of an engine that is not there is not known."""
        said = [
            [of, words, voice.engine, engines.version(voice), voice.voice, voice.speed]
            for of, words in parts
            for voice in (self.voice(of),)
        ]
        return hashlib.sha256(json.dumps([CHAIN, said], ensure_ascii=False).encode()).hexdigest()


def normal(language: str, words: str) -> str:
    """A text as engines get it: two that are written otherwise and said alike are one."""
    return " | ".join(said for _, said in text.segments(language, words)).strip(" .")


@cache
def recorded_as(language: str) -> str:
    """The language of the repository's recordings that is spoken alike: en-US for en-GB; itself when there is none."""
    there = sorted(path.parent.name for path in FOLDER.glob(f"*/{INDEX}"))
    return language if language in there else next((one for one in there if one[:2] == language[:2]), language)


@cache
def index(language: str) -> Mapping[str, str]:
    """Of a language: the texts that the repository brings as sound → file."""
    file = FOLDER / language / INDEX
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"sounds": {}}
    return {one["text"]: name for name, one in told["sounds"].items()}


def cache_folder() -> Path:
    """Where sounds are kept between runs, outside of any clone."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pbx-as-code" / "speech"


def _keep(path: Path, data: bytes) -> None:
    """Whole or not at all; of two at once the last one stays, and both are equal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    partial.write_bytes(data)
    partial.rename(path)
