"""`pbx say`: hear how a text, or a prompt of a model, sounds on a telephone. Asks no server."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbx.model.load import Loaded
    from pbx.speech.engines import Voice

PLAYERS = ("aplay", "play")
USUAL = {
    "hours.open": "09:00",
    "hours.close": "18:00",
    "position": "3",
    "count": "2",
    "digits": "1234",
    "number": "+74951000100",
    "date": "2026-11-25",
    "time": "09:30",
}
"""Of slots for which no value is given."""


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Hear how a text, or a prompt of a model, sounds on a telephone. Asks no server."
    parser.add_argument("what", metavar="TEXT", nargs="?", help="a text, or prompt/ID of a model, prompt/system-ID too")
    parser.add_argument("--language", help="of the text; default: the tenant's first, else ru-RU for Cyrillic, en-US")
    parser.add_argument("--model", metavar="PATH", help="a model root or a tenant's folder, for its voices and prompts")
    parser.add_argument("--tenant", metavar="ID", help="whose prompt; needed where the model has several tenants")
    parser.add_argument("--engine", help="festvox-ru, flite or espeak-ng, in place of the usual one")
    parser.add_argument("--voice", default="", help="a voice of the engine")
    parser.add_argument(
        "--value", metavar="NAME=VALUE", action="append", default=[], help="of a slot, hours.open=10:00"
    )
    parser.add_argument("--out", metavar="FILE", help="write a WAV instead of playing it")
    parser.add_argument("--lock", metavar="PATH", help="say all texts of a model and write PATH/speech.lock")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.speech.engines import EngineError
    from pbx.speech.sound import SoundError

    try:
        if arguments.lock:
            return _lock(Path(arguments.lock))
        language, text, voices = _wanted(arguments)
        words, sound = _said(language, text, voices, arguments)
        _heard(sound, arguments.out)
    except (ValueError, EngineError, SoundError, OSError) as error:
        print(f"pbx say: {error}", file=sys.stderr)
        return 1
    print(f"{language}: {words} ({len(sound) / 8000:.1f} s)")
    return 0


def _lock(root: Path) -> int:
    """Say what the model says, and write down how it sounds. Raises ValueError."""
    from pbx.desired import speech_lock
    from pbx.desired.source import load_source

    said = load_source(str(root), locked=False).said
    path = root / speech_lock.NAME
    path.write_text(speech_lock.text_of(said), encoding="utf-8")
    print(f"{path}: {sum(not one.is_built_in for one in said)} texts")
    return 0


def _wanted(arguments: argparse.Namespace) -> tuple[str, str, dict[str, Voice]]:
    """Language and text, and who speaks. Raises ValueError."""
    from pbx.speech.engines import Voice

    if not arguments.what:
        raise ValueError("give a text or prompt/ID, or --lock PATH")
    loaded = _model(arguments.model)
    tenant = _tenant(loaded, arguments.tenant) if loaded else ""
    voices = _voices(loaded, tenant) if loaded else {}
    if arguments.what.startswith("prompt/"):
        language, text = _prompt(arguments.what.removeprefix("prompt/"), loaded, tenant, arguments.language)
    else:
        text = arguments.what
        language = arguments.language or ("ru-RU" if any("а" <= sign.lower() <= "я" for sign in text) else "en-US")
    if arguments.engine:
        voices = {**voices, language: Voice(arguments.engine, arguments.voice)}
    return language, text, voices


def _model(path: str | None) -> Loaded | None:
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    try:
        return load(path, whole=True) if path else None
    except ModelErrors as errors:
        raise ValueError("\n".join(str(problem) for problem in errors.problems)) from None


def _tenant(loaded: Loaded, wanted: str | None) -> str:
    known = sorted(loaded.model.tenants)
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted not in known:
        raise ValueError(f"name the tenant: --tenant {' or '.join(known)}")
    return wanted


def _voices(loaded: Loaded, tenant: str) -> dict[str, Voice]:
    from pbx.desired.speech import voices

    own = loaded.tenant_plain[tenant].get("voices", {})
    return voices({**loaded.site_plain.get("voices", {}), **own})


def _prompt(name: str, loaded: Loaded | None, tenant: str, language: str | None) -> tuple[str, str]:
    from pbx.model import system_prompts

    known = loaded.tenant_plain[tenant]["prompts"] if loaded else system_prompts.plain(["ru-RU", "en-US"])
    if name not in known:
        raise ValueError(f"there is no prompt {name}" + ("" if loaded else "; give --model for a tenant's own"))
    chosen = language or next(iter(known[name]))
    if chosen not in known[name]:
        raise ValueError(f"prompt {name} is not said in {chosen}; it is in {', '.join(known[name])}")
    said = known[name][chosen]
    if "say" not in said:
        raise ValueError(f"prompt {name} is recorded in {chosen}: {said['file']}; play that file")
    return said.get("spoken", chosen), said["say"]


def _said(language: str, text: str, voices: dict[str, Voice], arguments: argparse.Namespace) -> tuple[str, bytes]:
    """The words, and their sound as A-law: piece by piece where there are slots, as a call would hear it."""
    from pbx.speech import text as texts
    from pbx.speech.made import Maker, cache_folder
    from pbx.speech.spoken import slots

    if wrong := texts.problem(language, text):
        raise ValueError(f"{text!r} {wrong}")
    values = USUAL | dict(each.split("=", 1) for each in arguments.value if "=" in each)
    maker = Maker(cache_folder(), voices)
    whole = not slots.names(language, text)
    pieces = [slots.whole(language, text, {})] if whole else slots.filled(language, text, values)
    words = " ".join(said for piece in pieces for _, said in texts.segments(language, piece))
    return words, b"".join(maker.make(language, piece).narrow for piece in pieces)


def _heard(sound: bytes, out: str | None) -> None:
    import shutil

    from pbx.speech.sound import played

    if out:
        Path(out).write_bytes(played(sound))
        return
    player = next((path for name in PLAYERS if (path := shutil.which(name))), None)
    if player is None:
        raise ValueError(f"no player is installed ({' or '.join(PLAYERS)}); write a file: --out said.wav")
    words = [player, "-q", *(["-t", "wav"] if player.endswith("/play") else []), "-"]
    done = subprocess.run(words, input=played(sound), capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()[:200]
        raise ValueError(f"{player} played nothing ({told}); write a file: --out said.wav")
