"""Prompts: every language of the tenant is there; each file is one of the tenant's own and can be heard, each text can
be said. Voices: who may name a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbx.model import own_files, problems, system_prompts
from pbx.model.folder import Folder
from pbx.model.scope import Scope

HOURS = "{hours."
ABOUT_HOURS = ("hours.open", "hours.close")


@dataclass(frozen=True, slots=True)
class SoundCheck:
    """What knows about sound, from the speech room: `file` says what is wrong with a recording, `text` with a text in
    a language and with slots for these values."""

    file: Callable[[Path], str | None]
    text: Callable[[str, str, tuple[str, ...]], str | None]


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
                scope.report(path, f"is not said in {language}; add {language}: {{say: …}} or {{file: prompts/….wav}}")
        for language, said in languages.items():
            if "file" in said:
                at = (*path, language, "file")
                if message := _wrong(scope.folder, said["file"], sound, heard):
                    scope.report(at, f"{said['file']} {message}")
            elif sound is not None and (
                message := sound.text(language, said["say"], system_prompts.values(prompt) or ABOUT_HOURS)
            ):
                scope.report((*path, language, "say"), message)
    for path, prompt in _without_hours(scope):
        message = f"prompt/{prompt} says {HOURS}…}}, and of which schedule is not said; add hours: schedule/ID"
        scope.report(path, message)


def check_voices(scope: Scope, *, is_site: bool) -> None:
    """A program that runs on the machine of the apply is named by the site, and nobody else."""
    for language, voice in scope.objects("voices").items():
        path: problems.Path = ("voices", language)
        if voice["engine"] == "command" and not is_site:
            scope.report((*path, "engine"), "only the site's folder may name a command; name another engine here")
        elif voice["engine"] == "command" and "command" not in voice:
            scope.report((*path, "engine"), "needs the program: command: [PROGRAM, ARGUMENT]")
        elif voice["engine"] != "command" and "command" in voice:
            scope.report((*path, "command"), f"is not run by {voice['engine']}; write engine: command, or take it out")


def _without_hours(scope: Scope) -> Iterator[tuple[problems.Path, str]]:
    """Who plays a prompt that tells hours and names no schedule."""
    prompts = {f"prompt/{id_}": id_ for id_, said in scope.objects("prompts").items() if _tells_hours(said)}
    for plural in ("announcements", "ivrs"):
        for id_, plain in scope.objects(plural).items():
            if plain["prompt"] in prompts and "hours" not in plain:
                yield (plural, id_, "prompt"), prompts[plain["prompt"]]


def _tells_hours(languages: dict[str, Any]) -> bool:
    return any(HOURS in said.get("say", "") for said in languages.values())


def _wrong(folder: Folder, name: str, sound: SoundCheck | None, heard: dict[Path, str | None]) -> str | None:
    file, wrong = own_files.found(folder, name)
    if wrong:
        return wrong
    if file not in heard:
        heard[file] = sound.file(file) if sound is not None else _unreadable(file)
    return heard[file]


def _unreadable(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None
