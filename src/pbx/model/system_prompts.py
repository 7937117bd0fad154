"""The built-in prompts `prompt/system-*`: what the PBX itself says, in each language it knows.

They stand in every tenant's plain document beside the tenant's own; a tenant replaces one by writing its own under the
same id (`prompts: {system-barred: {…}}`). Their texts are in `system_texts`; the sound of the usual voices is package
data of the speech room, any other is made at apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from pbx.model.system_texts import TEXTS

_SLOT = re.compile(r"\{(\w+)")
FALLBACK = "en-US"  # for a language without texts
PREFIX = "system-"


@cache
def texts() -> dict[str, dict[str, str]]:
    """Prompt id → language → text."""
    return {f"{PREFIX}{name}": dict(said) for name, said in TEXTS.items()}


def language_of(prompt: str, wanted: str) -> str:
    """In which language a built-in prompt is said to who speaks another: the same spoken elsewhere, else English."""
    said = texts()[prompt]
    alike = (language for language in said if language[:2] == wanted[:2])
    return wanted if wanted in said else next(alike, FALLBACK)


def values(prompt: str) -> tuple[str, ...]:
    """The values that a feature gives to a built-in prompt, for slots of whoever replaces it."""
    return tuple({name: None for text in texts().get(prompt, {}).values() for name in _SLOT.findall(text)})


def plain(languages: Iterable[str]) -> dict[str, Any]:
    """The built-in prompts for a tenant of these languages; `spoken` where the text is of another language."""
    return {
        prompt: {language: _said(prompt, language) for language in languages}
        for languages in [list(languages)]
        for prompt in texts()
    }


def _said(prompt: str, language: str) -> dict[str, str]:
    spoken = language_of(prompt, language)
    out = {"say": texts()[prompt][spoken]}
    return {**out, "spoken": spoken} if spoken[:2] != language[:2] else out
