"""`make prompts`: says the built-in prompts and the pieces of their slots, for the repository.

What is there is left as it is while its text is the same, so that a new text is a few new files; a changed chain or
engine asks for `make prompts ALL=1`. Needs the usual engines (festvox-ru, flite).
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from pbx.desired.speech import wanted_pieces
from pbx.model import system_prompts
from pbx.speech import engines, wav
from pbx.speech.made import FOLDER, INDEX, Maker, index, normal
from pbx.speech.spoken import slots


def wanted(language: str) -> dict[str, str]:
    """File → text, of everything that the repository has of a language."""
    prompts = system_prompts.plain([language])
    texts = {prompt.removeprefix(system_prompts.PREFIX): said[language]["say"] for prompt, said in prompts.items()}
    out = {f"{name}.wav": text for name, text in texts.items() if not slots.names(language, text)}
    spoken = {normal(language, text) for text in out.values()}
    for words in sorted(wanted_pieces({"": {"prompts": prompts}}).get(language, ())):
        if normal(language, words) not in spoken:
            out[f"piece-{hashlib.sha256(words.encode()).hexdigest()[:10]}.wav"] = words
    return out


def record(language: str, *, everything: bool = False) -> tuple[int, int]:
    """Says what is missing, removes what nobody wants; how many were said, how many there are."""
    folder = FOLDER / language
    there = {} if everything else index(language)
    sounds: dict[str, Any] = {}
    said = 0
    with tempfile.TemporaryDirectory() as cache:
        maker = Maker(Path(cache), recorded=False)
        for name, words in wanted(language).items():
            path = folder / name
            if there.get(normal(language, words)) != name or not path.exists():
                made = maker.make(language, words)
                folder.mkdir(exist_ok=True)
                path.write_bytes(wav.alaw_file(made.narrow))
                said += 1
            sounds[name] = {"text": normal(language, words), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    voice = engines.usual(language)
    told = {"engine": voice.engine, "version": engines.version(voice), "sounds": dict(sorted(sounds.items()))}
    (folder / INDEX).write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for path in folder.glob("*.wav"):
        if path.name not in sounds:
            path.unlink()
    return said, len(sounds)


def main() -> None:
    for language in sorted({language for said in system_prompts.texts().values() for language in said}):
        said, there = record(language, everything="--all" in sys.argv[1:])
        print(f"{language}: {said} said, {there} there")


if __name__ == "__main__":
    main()
