"""Prompts: every language of the tenant is there, and each file is one of the tenant's own and can be heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pbx.model import own_files, problems, system_prompts
from pbx.model.folder import Folder
from pbx.model.scope import Scope

SoundCheck = Callable[[Path], str | None]


def check(scope: Scope, sound: SoundCheck | None) -> None:
    heard: dict[Path, str | None] = {}
    for prompt, languages in scope.objects("prompts").items():
        path: problems.Path = ("prompts", prompt)
        if prompt.startswith(system_prompts.PREFIX) and prompt not in system_prompts.texts():
            known = system_prompts.texts()
            hint = problems.did_you_mean(prompt, known) or f"; built in are {', '.join(known)}"
            scope.report(path, f"there is no built-in prompt {prompt}{hint}")
        for language in scope.languages:
            if language not in languages:
                scope.report(path, f"is not said in {language}; add {language}: {{file: prompts/….wav}}")
        for language, said in languages.items():
            if "file" in said:
                at = (*path, language, "file")
                if message := _wrong(scope.folder, said["file"], sound, heard):
                    scope.report(at, f"{said['file']} {message}")


def _wrong(folder: Folder, name: str, sound: SoundCheck | None, heard: dict[Path, str | None]) -> str | None:
    file, wrong = own_files.found(folder, name)
    if wrong:
        return wrong
    if file not in heard:
        heard[file] = sound(file) if sound is not None else _unreadable(file)
    return heard[file]


def _unreadable(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None
