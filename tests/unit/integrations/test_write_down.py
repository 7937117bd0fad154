"""A message is written down by a server that speaks Vosk's protocol (behaviour R12)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from pbx.integrations.dictation import NotHeard, text_of
from pbx.server.write_down import NotWritten, server_for

pytestmark = pytest.mark.row("R12")

ROOT = Path(__file__).parents[3]
PHRASES = {"добрый день": (400, 1400), "перезвоните мне": (2200, 600)}  # Hz, from and to


def said(phrase: str) -> bytes:
    """A WAV that nothing else sounds like."""
    at = np.arange(16_000) / 8000
    low, high = PHRASES[phrase]
    pcm = (8000 * np.sin(2 * np.pi * (low * at + (high - low) * at**2 / 4))).astype("<i2")
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm.tobytes())
    return out.getvalue()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    for phrase in PHRASES:
        (tmp_path / f"{phrase}.wav").write_bytes(said(phrase))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, ROOT / "tests/phones/vosk_server.py", str(port), tmp_path, "127.0.0.1"])
    until = time.monotonic() + 20
    while True:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert time.monotonic() < until, "the server does not listen"
    yield f"ws://127.0.0.1:{port}"
    server.kill()
    server.wait()


def write_down(wav: bytes, *servers: str) -> str:
    named = [word for server in servers for word in ("--vosk", server)]
    return text_of(
        [sys.executable, "-m", "pbx.server.write_down", *named, "--language", "{language}"], wav, "ru-RU", 30.0
    )


def test_it_is_written_down_by_the_server_of_its_language(url: str) -> None:
    for phrase in PHRASES:
        assert write_down(said(phrase), "en=ws://127.0.0.1:9", f"ru={url}") == phrase


def test_a_server_that_is_away_and_what_is_no_sound_are_failures(url: str) -> None:
    for wav, server in (
        (said("добрый день"), "ws://127.0.0.1:9"),
        (b"RIFF rubbish", url),
        (said("добрый день"), f"en={url}"),
    ):
        with pytest.raises(NotHeard, match="ended with 1"):
            write_down(wav, server)


def test_which_server() -> None:
    named = ["ru=ws://a", "en-GB=ws://b", "ws://c?x=1"]
    assert [server_for(named, one) for one in ("ru-RU", "en-GB", "en-US", "")] == [
        "ws://a",
        "ws://b",
        "ws://c?x=1",
        "ws://c?x=1",
    ]
    with pytest.raises(NotWritten, match="de-DE"):
        server_for(["ru=ws://a"], "de-DE")
