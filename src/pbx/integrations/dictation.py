"""A recogniser as a program of its own: a WAV in (16 bit, 8 kHz, mono), JSON out: `{"text": "…"}`. No shell.

None is linked or imported, so licence, memory and crashes of an engine stay its own. `{language}` among its words
stands for the language of the box (`ru-RU`). What it writes to stderr is not kept: many print what they heard.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence

MOST = 65_536  # bytes of its answer
LONGEST = 16_000  # characters of a text


class NotHeard(RuntimeError):
    """The program is not there, did not end in time, or answered something else; the text says what."""


def text_of(command: Sequence[str], wav: bytes, language: str, within: float) -> str:
    """What was said, "" for nothing that could be understood; `within` seconds at most. Raises NotHeard."""
    words = [word.replace("{language}", language) for word in command]
    with open(os.memfd_create("said"), "w+b") as sound:  # in memory: in clear it is on no disk
        sound.write(wav)
        sound.seek(0)
        try:
            process = subprocess.Popen(
                words,
                stdin=sound,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise NotHeard(f"{words[0]}: {error}") from error
        try:
            answer = _answer(process, time.monotonic() + within)
        finally:
            _end(process)
    return _text(words[0], answer)


def _answer(process: subprocess.Popen[bytes], until: float) -> bytes:
    """All that it says until it ends well. Raises NotHeard."""
    assert process.stdout is not None
    said = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not waiting.select(max(0.0, until - time.monotonic())):
                raise NotHeard("was not ready in time")
            piece = os.read(process.stdout.fileno(), MOST)
            if not piece:
                break
            said += piece
            if len(said) > MOST:
                raise NotHeard(f"said more than {MOST} bytes")
    try:
        status = process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise NotHeard("was not ready in time") from None
    if status != 0:
        raise NotHeard(f"ended with {status}")
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _text(program: str, answer: bytes) -> str:
    try:
        text = json.loads(answer)["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotHeard(f'{program} did not say {{"text": …}}') from None
    if not isinstance(text, str):
        raise NotHeard(f"{program} said a text that is none")
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(clean.split())[:LONGEST]
