"""Phrases, names, and where an answer begins and ends."""

from pathlib import Path

import numpy as np
import pytest

import pbx.speech
from pbx.speech import wav
from pbx.speech.recognition.answer import FRAME, LONGEST, Answer, Turn
from pbx.speech.recognition.engines import made
from pbx.speech.recognition.heard import EngineError, Vocabulary, normalised, of_names, syllables
from pbx.speech.recognition.vosk import _heard

pytestmark = pytest.mark.row("R15")
SPOKEN = Path(pbx.speech.__file__).parent / "prompts" / "en-US" / "goodbye.wav"


def pcm(path: Path) -> bytes:
    """8 kHz of a file of 16 kHz, roughly."""
    mono = wav.read(path.read_bytes()).samples.mean(axis=1)
    halves = mono[: len(mono) // 2 * 2].reshape(-1, 2).mean(axis=1)
    return (halves * 32767).astype("<i2").tobytes()


def noise(seconds: float, loud: float) -> bytes:
    made_of = np.random.default_rng(1)
    return (made_of.standard_normal(round(seconds * 8000)) * loud).astype("<i2").tobytes()


def test_an_answer_begins_with_the_voice_and_ends_after_it_whatever_the_pieces() -> None:
    said = noise(1.0, 20) + pcm(SPOKEN) + noise(2.0, 20)
    turns = {}
    for piece in (len(said), 4000, 321):
        answer, seen = Answer(), []
        for at in range(0, len(said), piece):
            seen += answer.hear(said[at : at + piece])
        assert seen == [Turn.SPEAKS, Turn.OVER] and answer.is_over
        turns[piece] = answer.pcm
    assert len(set(turns.values())) == 1
    seconds = len(answer.pcm) / 16000
    assert len(pcm(SPOKEN)) / 16000 < seconds < len(pcm(SPOKEN)) / 16000 + 1.5


def test_noise_and_a_click_are_no_answer_and_whoever_never_ends_is_cut() -> None:
    answer = Answer()
    assert answer.hear(noise(3.0, 300) + noise(0.04, 12000) + noise(3.0, 20)) == []
    voice = pcm(SPOKEN)
    endless = voice * (LONGEST * FRAME * 2 // len(voice) + 2)
    assert Answer().hear(endless)[-1:] == [Turn.OVER]


def test_a_phrase_is_all_that_is_said() -> None:
    vocabulary = Vocabulary("ru-RU", ("Отдел продаж", "Пётр"))
    assert vocabulary.phrase("отдел  продаж.") == "Отдел продаж"
    assert vocabulary.phrase("петр") == "Пётр"
    assert vocabulary.phrase("не отдел продаж") is None
    assert normalised("Ещё раз, «пожалуйста»!") == "еще раз пожалуйста"


@pytest.mark.parametrize(
    ("phrase", "language", "count"),
    [("да", "ru-RU", 1), ("три", "ru-RU", 1), ("продажи", "ru-RU", 3), ("yes", "en-US", 1),
     ("support", "en-US", 2), ("technical support", "en-US", 5)],
)  # fmt: skip
def test_syllables(phrase: str, language: str, count: int) -> None:
    assert syllables(phrase, language) == count


def test_names_that_would_be_two_people_are_nobodys() -> None:
    found = of_names([("Анна Петрова", "201"), ("Вера Петрова", "203"), ("Иван", "204"), ("", "205")])
    assert found["петрова анна"] == "201" and found["иван"] == "204"
    assert "петрова" not in found and "" not in found


def test_what_vosk_says() -> None:
    vocabulary = Vocabulary("en-US", ("sales", "technical support"))
    words = [{"word": "technical", "conf": 0.9}, {"word": "support", "conf": 0.7}]
    assert _heard([{"text": "technical support", "result": words}], vocabulary).score == 0.7
    assert _heard([{"text": "technical"}, {"text": "support"}], vocabulary).phrase == "technical support"
    for text in ("[unk]", "technical [unk]", "support"):
        assert _heard([{"text": text}], vocabulary).phrase is None
    assert _heard([], vocabulary).phrase is None


def test_an_engine_that_is_not_there_is_told() -> None:
    with pytest.raises(EngineError, match="there is no engine 'siri'; there are vosk, sphinx, cascade"):
        made({"engine": "siri"})
