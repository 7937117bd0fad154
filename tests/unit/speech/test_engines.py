"""Texts become sound by the engines themselves; what an engine does wrong is found, and nothing is made twice."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from pbx.speech import engines, sound, text, wav
from pbx.speech.engines import EngineError, Voice
from pbx.speech.made import Maker
from pbx.speech.sound import SoundError
from pbx.speech.text import TextError

pytestmark = pytest.mark.row("R20")
SAID = {"ru-RU": "Отдел продаж.", "en-US": "The sales department.", "de-DE": "Die Abteilung für Verkauf."}


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """An engine of somebody's own: it keeps what it was given and gives back what lies beside it."""
    program = tmp_path / "say"
    program.write_text(f'#!/bin/sh\ncat > "{tmp_path}/given"\ncat "{tmp_path}/answer.wav"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def speech(seconds: float = 0.8, rate: int = 16_000, level: float = 0.1) -> bytes:
    """A WAV that is as loud as speech, with silence around it."""
    tone = level * np.sin(2 * np.pi * 700 * np.arange(int(rate * seconds)) / rate)
    quiet = np.zeros(rate // 2)
    return sound.as_wav(np.concatenate([quiet, tone, quiet]).astype(np.float32), rate)


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("ru-RU", Voice("festvox-ru")),
        ("ru-RU", Voice("espeak-ng")),
        ("en-US", Voice("flite")),
        ("en-US", Voice("flite", "rms")),
        ("de-DE", Voice("espeak-ng", "de")),
    ],
)
def test_an_engine_speaks_and_says_the_same_again(language: str, voice: Voice, tmp_path: Path) -> None:
    one = Maker(tmp_path / "one", {language: voice}).make(language, SAID[language])
    other = Maker(tmp_path / "other", {language: voice}).make(language, SAID[language])
    assert one == other and one.is_new
    samples = wav.ALAW_SAMPLES[np.frombuffer(one.narrow, np.uint8)]
    assert 0.5 < one.seconds < 3
    assert 20 * np.log10(np.sqrt(np.mean(np.square(samples)))) == pytest.approx(-21, abs=3)
    spectrum = np.abs(np.fft.rfft(samples))
    hertz = np.fft.rfftfreq(len(samples), 1 / 8000)
    outside = np.sum(spectrum[(hertz < 200) | (hertz > 3800)] ** 2) / np.sum(spectrum**2)
    assert outside < 0.01


def test_a_faster_voice_is_shorter_and_another_sound(tmp_path: Path) -> None:
    for language, name in (("ru-RU", "festvox-ru"), ("en-US", "flite"), ("ru-RU", "espeak-ng")):
        slow, usual, fast = (
            Maker(tmp_path, {language: Voice(name, speed=speed)}).make(language, SAID[language])
            for speed in (0.8, 1.0, 1.3)
        )
        assert slow.seconds > usual.seconds > fast.seconds
        assert len({slow.key, usual.key, fast.key}) == 3


def test_nothing_is_made_twice(tmp_path: Path, command: Path) -> None:
    (tmp_path / "answer.wav").write_bytes(speech())
    maker = Maker(tmp_path / "kept", {"ru-RU": Voice("command", command=(str(command),))})
    first = maker.make("ru-RU", "Отдел — продаж…")
    assert (tmp_path / "given").read_text("utf-8") == "Отдел, продаж."
    assert first.is_new and first.seconds == pytest.approx(0.84, abs=0.02)  # the silence around it is gone
    (tmp_path / "answer.wav").write_bytes(b"")
    again = maker.make("ru-RU", "Отдел – продаж.")
    assert (again.narrow, again.is_new) == (first.narrow, False)
    with pytest.raises(SoundError):
        maker.make("ru-RU", "Отдел закупок.")
    assert sorted(path.suffix for path in (tmp_path / "kept").iterdir()) == [".alaw", ".wav"]  # nothing half-made


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "is no WAV file"),  # festival with a sign that it does not know: an empty file and exit status 0
        (speech(level=0.0), "made silence"),
        (speech(0.0), "made silence"),
        (speech(200.0), "which cannot be"),
    ],
)
def test_what_is_no_speech_is_refused(answer: bytes, why: str, tmp_path: Path, command: Path) -> None:
    (tmp_path / "answer.wav").write_bytes(answer)
    with pytest.raises(SoundError, match=why):
        Maker(tmp_path / "kept", {"ru-RU": Voice("command", command=(str(command),))}).make("ru-RU", "Отдел продаж")


def test_an_engine_that_fails_or_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="false ended with 1: no message"):
        engines.say(Voice("command", command=("false",)), "ru-RU", "да")
    with pytest.raises(EngineError, match="needs nowhere, which is not installed"):
        engines.say(Voice("command", command=("nowhere",)), "ru-RU", "да")
    with pytest.raises(EngineError, match="no speech engine 'sam'"):
        engines.say(Voice("sam"), "ru-RU", "да")
    monkeypatch.setenv("PATH", str(tmp_path))
    engines.version.cache_clear()
    with pytest.raises(EngineError, match="apt install festival festvox-ru, or name another in voices:"):
        Maker(tmp_path).make("ru-RU", "Этого никто не записал")
    engines.version.cache_clear()


@pytest.mark.parametrize(
    ("language", "written", "read"),
    [
        ("ru-RU", "Отдел «Продажи» — один…", "Отдел Продажи, один."),
        ("ru-RU", "С 9:00 до 18:30", "С девяти до восемнадцати тридцати"),
        ("ru-RU", "с 9 до 18", "с девяти до восемнадцати"),
        ("ru-RU", "Нажмите 1 или 2", "Нажмите один или два"),
        ("ru-RU", "Звоните +74951000100", "Звоните, плюс семь четыреста девяносто пять сто ноль один ноль ноль"),
        ("ru-RU", "Дом №5, 20%", "Дом номер пять, двадцать процентов"),
        ("ru-RU", "Код 007", "Код ноль ноль семь"),
        ("en-US", "Press 1 – it’s “open”", "Press one, it's open"),
        ("en-US", "From 9:00 to 17:30", "From nine a.m. to five thirty p.m."),
        ("de-DE", "Grüß „Gott“: 5", "Grüß Gott , 5"),
    ],
)
def test_texts_as_engines_get_them(language: str, written: str, read: str) -> None:
    assert text.segments(language, written) == [(language, read)]


def test_words_of_another_script_are_of_the_other_voice() -> None:
    assert text.segments("ru-RU", "Вы в «Ромашке». For English, press 9. Спасибо!") == [
        ("ru-RU", "Вы в Ромашке."),
        ("en-US", "For English, press nine."),
        ("ru-RU", "Спасибо!"),
    ]
    assert text.segments("en-US", "Press 1, or Ромашка 2") == [("en-US", "Press one, or"), ("ru-RU", "Ромашка два")]


@pytest.mark.parametrize("written", ["☎", "Привет ☎", "中文", "«»", "  ", "…"])
def test_what_no_voice_can_say_is_refused(written: str) -> None:
    with pytest.raises(TextError):
        text.segments("ru-RU", written)
