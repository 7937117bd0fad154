"""From a model root on disk to what is compiled: the loaded model, its plain data, and the encoded prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbx.desired.compile import Source
from pbx.model import build
from pbx.model.load import load
from pbx.model.problems import ModelErrors
from pbx.model.system_prompts import FOLDER as SYSTEM_PROMPTS
from pbx.model.system_prompts import PREFIX as SYSTEM
from pbx.speech.audio import encode

SHOWN = 20


class ModelRefused(ValueError):
    """The model has errors; the text lists them, one a line."""


@dataclass(frozen=True, slots=True)
class LoadedSource:
    source: Source
    audio: Mapping[str, bytes]  # <sha256>.alaw → G.711 A-law, 8 kHz


def load_source(root: str) -> LoadedSource:
    """Load, check, encode. Raises ModelRefused."""
    try:
        loaded = load(root)
    except ModelErrors as error:
        raise ModelRefused(_first(error)) from error
    audio: dict[str, bytes] = {}
    tenants = {
        id_: {**plain, "prompts": _with_audio(plain.get("prompts", {}), loaded.folders[id_], audio)}
        for id_, plain in loaded.tenant_plain.items()
    }
    model = build.model(loaded.site_plain, tenants, loaded.revisions)
    revisions = {id_: loaded.revisions[id_] for id_ in sorted(loaded.revisions)}
    source = Source(model, loaded.site_plain, tenants, loaded.site_revision, revisions, sorted(audio))
    return LoadedSource(source, audio)


def _first(error: ModelErrors) -> str:
    """The first problems; an apply is not the place to read thousands."""
    found = [str(problem) for problem in error.problems if problem.severity == "error"]
    more = len(found) - SHOWN
    return "\n".join([*found[:SHOWN], *([f"and {more} more: see pbx validate"] if more > 0 else [])])


def _with_audio(prompts: Mapping[str, Any], folder: Path, audio: dict[str, bytes]) -> dict[str, Any]:
    return {
        id_: {language: {**said, "audio": _encoded(said["file"], folder, audio)} for language, said in prompt.items()}
        for id_, prompt in prompts.items()
    }


def _encoded(file: str, folder: Path, audio: dict[str, bytes]) -> str:
    """Encode one recording; the name is the digest of what was encoded, so equal sound is stored once."""
    path = SYSTEM_PROMPTS / file.removeprefix(SYSTEM) if file.startswith(SYSTEM) else folder / file
    data = encode(path)
    name = f"{hashlib.sha256(data).hexdigest()}.alaw"
    audio[name] = data
    return name
