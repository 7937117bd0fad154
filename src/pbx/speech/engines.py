"""Speech engines as programs of their own: a text in, a WAV out. Which one speaks is said in `voices:`.

None is linked or imported, so the licence of an engine stays its own. A program that ends well and says nothing is a
failure: the caller checks what came (`sound`).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PATIENCE = 120.0
"""Seconds for one text."""


class EngineError(RuntimeError):
    """An engine is not installed, or did not do its work; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks: an engine, one of its voices ("": its usual one), how fast (1 is usual), and of the engine `command`
    the program with its arguments."""

    engine: str
    voice: str = ""
    speed: float = 1.0
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """`words`: the program; `{text}` and `{wav}` are files, `{voice}`, `{pace}` what their names say. `packages` are
    Debian's; `speed`: the usual pace in the engine's own unit, 0 where the sound is stretched afterwards; `slower`:
    its unit is how long a sound lasts."""

    words: tuple[str, ...]
    packages: tuple[str, ...]
    voice: str = ""
    speed: float = 0.0
    slower: bool = False


ENGINES: Mapping[str, Engine] = {
    "festvox-ru": Engine(
        ("text2wave", "-eval", "(voice_{voice})", "{text}", "-o", "{wav}"),
        ("festival", "festvox-ru"),
        "msu_ru_nsh_clunits",
    ),
    "flite": Engine(
        ("flite", "-voice", "{voice}", "--setf", "duration_stretch={pace}", "-f", "{text}", "-o", "{wav}"),
        ("flite",),
        "slt",
        1.0,
        slower=True,
    ),
    "espeak-ng": Engine(
        ("espeak-ng", "-v", "{voice}", "-s", "{pace}", "-f", "{text}", "-w", "{wav}"), ("espeak-ng",), "", 160
    ),
}
COMMAND = "command"
USUAL: Mapping[str, Voice] = {"ru": Voice("festvox-ru"), "en": Voice("flite")}


def usual(language: str) -> Voice:
    """Who speaks a language for which nobody is named."""
    return USUAL.get(language[:2], Voice("espeak-ng", language.lower()))


def say(voice: Voice, language: str, text: str) -> bytes:
    """The text as the bytes of a WAV file, as the engine leaves them. Raises EngineError."""
    if voice.engine == COMMAND:
        return _run([_found(voice.command[0], voice), *voice.command[1:]], voice, text.encode())
    engine = _engine(voice)
    with tempfile.TemporaryDirectory(prefix="pbx-speech-") as folder:
        source, made = Path(folder, "text"), Path(folder, "made.wav")
        source.write_text(text + "\n", encoding="utf-8")
        names = {"text": source, "wav": made, "voice": _name(voice, language), "pace": _pace(engine, voice)}
        words = [word.format(**names) for word in engine.words]
        _run([_found(words[0], voice), *words[1:]], voice)
        if not made.exists():
            raise EngineError(f"{voice.engine} made nothing of {text!r}")
        if engine.speed or voice.speed == 1.0:
            return made.read_bytes()
        return _run([_found("sox", voice), str(made), "-t", "wav", "-", "tempo", "-s", f"{voice.speed:.3f}"], voice)


@cache
def version(voice: Voice) -> str:
    """What of the engine decides how it sounds: packages and their versions. Raises EngineError."""
    if voice.engine == COMMAND:
        return " ".join(voice.command)
    engine = _engine(voice)
    _found(engine.words[0], voice)
    asked = ["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\\n", *engine.packages]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout if shutil.which(asked[0]) else ""
    lines = [line.split() for line in told.splitlines()]
    there = [f"{name} {its}" for name, its, status in lines if status == "ii"]
    if shutil.which("dpkg-query") and len(there) < len(engine.packages):
        raise EngineError(_not_there(voice))
    return ", ".join(sorted(there)) or "unknown"


def _engine(voice: Voice) -> Engine:
    if voice.engine not in ENGINES:
        raise EngineError(f"there is no speech engine {voice.engine!r}; known are {', '.join(ENGINES)} and {COMMAND}")
    return ENGINES[voice.engine]


def _name(voice: Voice, language: str) -> str:
    return voice.voice or ENGINES[voice.engine].voice or language.lower()


def _pace(engine: Engine, voice: Voice) -> str:
    pace = engine.speed / voice.speed if engine.slower else engine.speed * voice.speed
    return f"{pace:.3f}" if engine.slower else f"{pace:.0f}"


def _found(program: str, voice: Voice) -> str:
    path = shutil.which(program)
    if path is None:
        raise EngineError(_not_there(voice, program))
    return path


def _not_there(voice: Voice, program: str = "") -> str:
    packages = ENGINES[voice.engine].packages if voice.engine in ENGINES else ()
    how = f"apt install {' '.join(packages)}, or " if packages and program != "sox" else ""
    what = f"the speech engine {voice.engine}" + (f" needs {program}, which" if program else "")
    return f"{what} is not installed on this machine; {how}name another in voices:, or record the prompt"


def _run(words: list[str], voice: Voice, given: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(words, input=given, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise EngineError(f"{voice.engine} said nothing for {PATIENCE:.0f} s; it was stopped") from None
    except OSError as error:
        raise EngineError(f"{words[0]}: {error.strerror}") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise EngineError(f"{words[0]} ended with {done.returncode}: {told[-1] if told else 'no message'}")
    return done.stdout
