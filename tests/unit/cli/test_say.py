"""`pbx say`: a text or a prompt as a telephone hears it, in a file."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from pbx.cli import main

EXAMPLES = str(Path(__file__).parents[3] / "examples")
pytestmark = pytest.mark.row("R20")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Отдел продаж — 1"], "ru-RU: Отдел продаж, один"),
        (["Sales, press 1."], "en-US: Sales, press one."),
        (["Guten Tag", "--language", "de-DE"], "de-DE: Guten Tag"),
        (["Да", "--engine", "espeak-ng"], "ru-RU: Да"),
        (["prompt/system-read-back", "--value", "digits=907"], "ru-RU: Вы ввели девять ноль семь Если всё верно,"),
        (["prompt/hours", "--model", EXAMPLES, "--value", "hours.close=17:30"], "с девяти до семнадцати тридцати"),
        (["prompt/hours", "--model", EXAMPLES, "--language", "en-US"], "nine a.m. to six p.m."),
    ],
)
def test_it_is_said(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "said.wav"
    assert main.run(["say", *words, "--out", str(file)]) == 0
    told = capsys.readouterr().out
    assert said in told
    with wave.open(str(file)) as made:
        assert (made.getframerate(), made.getnchannels(), made.getsampwidth()) == (8000, 1, 2)
        seconds = made.getnframes() / 8000
    assert f"({seconds:.1f} s)" in told and seconds > 0.2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["☎"], "has no word in it"),
        (["Да {hours.opn}"], "there is no such slot"),
        (["prompt/nope"], "there is no prompt nope; give --model"),
        (["prompt/welcome", "--model", EXAMPLES], "is recorded in ru-RU: prompts/welcome_ru.wav"),
        (["prompt/hours", "--model", EXAMPLES, "--language", "de-DE"], "is not said in de-DE; it is in ru-RU, en-US"),
        (["prompt/hours", "--model", EXAMPLES, "--tenant", "acme"], "name the tenant: --tenant romashka"),
        (["да", "--model", "/nowhere"], "is not there; give a folder"),
        (["да", "--engine", "sam"], "there is no speech engine 'sam'"),
    ],
)
def test_what_cannot_be_said_is_told(
    words: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["say", *words, "--out", str(tmp_path / "said.wav")]) == 1
    assert why in capsys.readouterr().err


def test_without_a_player_a_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main.run(["say", "prompt/system-goodbye"]) == 1
    assert "no player is installed (aplay or play); write a file: --out said.wav" in capsys.readouterr().err
