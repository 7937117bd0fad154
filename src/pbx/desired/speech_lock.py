"""`speech.lock` beside the model: what each text sounds like, as a digest. With it an apply makes that sound or none.

It is optional: without it whatever the engines of the controller say goes to the hosts. It holds what the model's own
texts became; what the package brings is held by the package.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pbx.desired.speech import Said, SpeechRefused

NAME = "speech.lock"
SHOWN = 5


def text_of(said: Iterable[Said]) -> str:
    """The lock of these texts."""
    sounds: dict[str, dict[str, str]] = {}
    for one in said:
        if not one.is_built_in:
            sounds.setdefault(one.language, {})[one.text] = one.sha256
    ordered = {language: dict(sorted(texts.items())) for language, texts in sorted(sounds.items())}
    return json.dumps(ordered, ensure_ascii=False, indent=1) + "\n"


def check(root: Path, said: Iterable[Said]) -> None:
    """Raises SpeechRefused where there is a lock and a text sounds otherwise, or is not in it."""
    path = root / NAME
    if not path.exists():
        return
    locked = _read(path)
    wrong = [
        f"{one.language}, {one.text!r}: " + ("is not in it" if known is None else "sounds otherwise on this machine")
        for one in said
        for known in (locked.get(one.language, {}).get(one.text),)
        if not one.is_built_in and known != one.sha256
    ]
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        how = f"listen, and write it anew: pbx say --lock {root}"
        raise SpeechRefused("\n".join(f"{path}: {each}" for each in [*wrong[:SHOWN], *more, how]))


def _read(path: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpeechRefused(f"{path}: cannot be read: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(texts, dict) for texts in found.values()):
        raise SpeechRefused(f"{path}: is no lock of sounds; write it anew: pbx say --lock {path.parent}")
    return found
