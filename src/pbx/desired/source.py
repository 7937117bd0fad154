"""From a model root on disk to what is compiled: the loaded model, its plain data, and the encoded prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pbx.desired import speech_lock
from pbx.desired.compile import Source
from pbx.desired.speech import Said, SpeechRefused, with_sound
from pbx.model import build
from pbx.model.load import load
from pbx.model.problems import ModelErrors
from pbx.model.recordings import SoundCheck
from pbx.speech import text
from pbx.speech.made import cache_folder

SHOWN = 20


class ModelRefused(ValueError):
    """The model has errors; the text lists them, one a line."""


@dataclass(frozen=True, slots=True)
class LoadedSource:
    source: Source
    audio: Mapping[str, bytes]  # <sha256>.alaw → G.711 A-law, 8 kHz
    said: Sequence[Said] = ()  # the texts that became some of it


def load_source(root: str, *, locked: bool = True) -> LoadedSource:
    """Load, check, encode, say; `locked`: no other sound than `speech.lock` says. Raises ModelRefused."""
    try:
        loaded = load(root, SoundCheck(lambda _: None, text.problem))  # recordings are read once, below
    except ModelErrors as error:
        raise ModelRefused(_first(error)) from error
    try:
        site, tenants, sounds = with_sound(loaded, cache_folder())
        if locked:
            speech_lock.check(Path(root), sounds.said)
    except SpeechRefused as error:
        raise ModelRefused(str(error)) from error
    model = build.model(site, tenants, loaded.revisions)
    revisions = {id_: loaded.revisions[id_] for id_ in sorted(loaded.revisions)}
    source = Source(model, site, tenants, loaded.site_revision, revisions, sorted(sounds.audio))
    return LoadedSource(source, sounds.audio, tuple(sounds.said))


def _first(error: ModelErrors) -> str:
    """The first problems; an apply is not the place to read thousands."""
    found = [str(problem) for problem in error.problems if problem.severity == "error"]
    more = len(found) - SHOWN
    return "\n".join([*found[:SHOWN], *([f"and {more} more: see pbx validate"] if more > 0 else [])])
