"""How much of what callers say to a menu is understood over a telephone: right, rejected, taken for another phrase, and
of what is no phrase of the menu, how much is taken for one. Printed as the tables of docs/reference/speech.md.

    python tests/bench/speech.py --engine cascade --whisper FOLDER [--words tests/bench/speech_words.txt]

Needs the voices of Debian (festival with festvox-ru, flite, espeak-ng, sox) and, for the engines, `pocketsphinx` and
`faster-whisper`: a Python of its own, with PYTHONPATH=src. All voices are synthetic: these are no human callers.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pbx.speech import audio, sound, wav
from pbx.speech.engines import Voice, say
from pbx.speech.recognition.engines import made
from pbx.speech.recognition.heard import Engine, Heard, Vocabulary, normalised

PHRASES = {
    "ru-RU": ("отдел продаж", "техподдержка", "оператор", "бухгалтерия", "доставка", "заказать пропуск", "повторить",
              "главное меню", "Екатеринбург", "да", "нет", "назад"),
    "en-US": ("sales department", "technical support", "operator", "accounting", "delivery", "order status", "repeat",
              "main menu", "Yekaterinburg", "yes", "no", "back"),
}  # fmt: skip
OTHERS = {
    "ru-RU": (
        "здравствуйте",
        "какая погода",
        "я перезвоню позже",
        "магазин на углу",
        "спасибо большое",
        "сколько времени",
    ),
    "en-US": (
        "good morning",
        "what is the weather",
        "i will call later",
        "the corner shop",
        "thank you",
        "what time is it",
    ),
}
VOICES: dict[str, tuple[Voice, ...]] = {
    "ru-RU": (Voice("festvox-ru", ""), Voice("espeak-ng", "")),
    "en-US": (Voice("flite", "slt"), Voice("flite", "rms"), Voice("flite", "awb"), Voice("espeak-ng", "")),
}
CHANGES: tuple[tuple[str, ...], ...] = ((), ("tempo", "-s", "0.85"), ("tempo", "-s", "1.15"), ("pitch", "150"))
NOISE = 20  # dB below the speech
LONG = 6  # letters; a shorter phrase is one that `pbx lint` or good sense would not have
QUIET = 0.6  # seconds before and after


def telephone(made_of: bytes, change: Sequence[str], seed: int) -> bytes:
    """What an engine of voices made, as 16-bit PCM that came through G.711 with white noise."""
    if change:
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder) / "before.wav", Path(folder) / "after.wav"
            before.write_bytes(made_of)
            subprocess.run(["sox", "-q", before, after, *change], check=True, stdin=subprocess.DEVNULL)
            made_of = after.read_bytes()
    alaw = sound.of([made_of], "an answer of a caller").narrow
    clean = wav.ALAW_SAMPLES[np.frombuffer(alaw, np.uint8)]
    quiet = np.zeros(round(QUIET * audio.RATE))
    loud = float(np.sqrt(np.mean(np.square(clean))))
    whole = np.concatenate((quiet, clean, quiet))
    whole = whole + np.random.default_rng(seed).standard_normal(len(whole)) * loud * 10 ** (-NOISE / 20)
    coded = wav.ALAW_SAMPLES[np.frombuffer(audio.alaw(whole.astype(np.float32)), np.uint8)]
    return (coded * 32767).astype("<i2").tobytes()


def spoken(language: str, texts: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for voice in VOICES[language]:
        for text in texts:
            heard = say(voice, language, normalised(text))
            for seed, change in enumerate(CHANGES):
                yield text, telephone(heard, change, seed)


Said = Sequence[tuple[str, bytes]]


async def row(engine: Engine, language: str, confidence: float, known: Said, others: Said) -> str:
    """One line of the table."""
    vocabulary = Vocabulary(language, PHRASES[language])
    asked = [(text, *await _asked(engine, pcm, vocabulary)) for text, pcm in known]
    found = [(text, heard.phrase if heard.score >= confidence else None) for text, heard, _ in asked]
    right = sum(text == phrase for text, phrase in found)
    rejected = sum(phrase is None for _, phrase in found)
    long = [text == phrase for text, phrase in found if len(text) > LONG]
    strange = [(await _asked(engine, pcm, vocabulary))[0] for _, pcm in others]
    taken = sum(heard.phrase is not None and heard.score >= confidence for heard in strange)
    wrong, cpu = len(found) - right - rejected, statistics.median(seconds for *_, seconds in asked)
    figures = (f"{right} of {len(found)}", rejected, wrong, f"{taken} of {len(strange)}", f"{sum(long)} of {len(long)}")
    return " | ".join(map(str, (engine.name, language, confidence, *figures, f"{cpu:.2f}")))


async def _asked(engine: Engine, pcm: bytes, vocabulary: Vocabulary) -> tuple[Heard, float]:
    began = time.process_time()
    heard = await engine.recognise(pcm, vocabulary)
    return heard, time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", nargs="+", choices=("sphinx", "cascade"), default=["sphinx", "cascade"])
    parser.add_argument("--whisper")
    parser.add_argument("--words")
    parser.add_argument("--confidence", type=float, nargs="+", default=[0.5])
    words = parser.parse_args()
    engines = [made({"engine": name, "whisper": words.whisper, "words": words.words}) for name in words.engine]
    for language, phrases in PHRASES.items():
        known, others = list(spoken(language, phrases)), list(spoken(language, OTHERS[language]))
        for engine in engines:
            for confidence in words.confidence if engine.name == "cascade" else words.confidence[:1]:
                print(f"| {asyncio.run(row(engine, language, confidence, known, others))} |", flush=True)


if __name__ == "__main__":
    main()
