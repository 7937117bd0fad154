"""The built-in prompts `prompt/system-*`: what the PBX itself says, in each language it knows.

They stand in every tenant's plain document beside the tenant's own; a tenant replaces one by writing its own under the
same id (`prompts: {system-barred: {…}}`). The recordings are package data of the speech room; here only their names
and hashes are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "speech" / "prompts"
FALLBACK = "en-US"  # for a language without recordings
PREFIX = "system:"  # of `file` in a plain document: relative to FOLDER, not to the tenant's folder


@cache
def recordings() -> dict[str, dict[str, dict[str, str]]]:
    """Prompt id → language → {file, sha256}."""
    out: dict[str, dict[str, dict[str, str]]] = {}
    for path in sorted(FOLDER.glob("*/*.wav")):
        language = path.parent.name
        said = {
            "file": f"{PREFIX}{language}/{path.name}",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        out.setdefault(f"system-{path.stem}", {})[language] = said
    return out


def plain(languages: Iterable[str]) -> dict[str, Any]:
    """The built-in prompts for a tenant of these languages."""
    wanted = list(languages)
    return {
        prompt: {language: said.get(language, said[FALLBACK]) for language in wanted}
        for prompt, said in recordings().items()
    }


def file_of(file: str, folder: Path) -> Path:
    """The recording that `file` of a plain document names: built in, or relative to the tenant's folder."""
    return FOLDER / file.removeprefix(PREFIX) if file.startswith(PREFIX) else folder / file
