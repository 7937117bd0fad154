"""PocketSphinx proposes a phrase, Whisper says how well it fits the sound: what is none of the phrases is rejected.

Whisper is asked about that one phrase only (forced alignment, the vocabulary as its context) and over a window of 5 s,
not of 30: 0.2 CPU seconds an answer. Runs on `ctranslate2`, `tokenizers` and the mel filters of `faster-whisper`, and
on a folder with a model (`model.bin`, `tokenizer.json`): neither is a dependency of ours, a host that uses this engine
brings them.
"""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer

from pbx.speech.recognition.heard import EngineError, Heard, Vocabulary, normalised
from pbx.speech.recognition.sphinx import Sphinx, upsampled

FRAMES = 500
"""Mel frames of 10 ms: with 300 of them Whisper loops, with 3,000 it takes eight times as long."""
EVEN = -1.5
"""The mean log-probability of a phrase's tokens that is a score of 0.5: above it no wrong phrase was accepted in the
tables of docs/reference/speech.md."""
STEEP = 2.0
MOST_CONTEXT = 200
"""Tokens of the vocabulary that are given as context."""


class Cascade:
    """`whisper` is the folder of a CTranslate2 model that knows the languages of the menus."""

    name = "cascade"

    def __init__(self, sphinx: Sphinx, whisper: Path) -> None:
        try:
            self._model = ctranslate2.models.Whisper(str(whisper), device="cpu", compute_type="int8", intra_threads=1)
            self._tokens = Tokenizer.from_file(str(whisper / "tokenizer.json"))
        except Exception as error:  # of tokenizers, which has no class of its own
            raise EngineError(f"no Whisper model in {whisper}: {error}") from error
        self._sphinx = sphinx
        self._mel = FeatureExtractor()

    async def recognise(self, pcm: bytes, vocabulary: Vocabulary) -> Heard:
        return await asyncio.to_thread(self._recognise, pcm, vocabulary)

    def _recognise(self, pcm: bytes, vocabulary: Vocabulary) -> Heard:
        phrase = self._sphinx.propose(pcm, vocabulary)
        if phrase is None:
            return Heard(None, 0.0, self.name)
        return Heard(phrase, score(self.fits(pcm, phrase, vocabulary)), self.name)

    def fits(self, pcm: bytes, phrase: str, vocabulary: Vocabulary) -> float:
        """Mean log-probability of the phrase's tokens, of its better spelling."""
        wide = np.frombuffer(upsampled(pcm), "<i2").astype(np.float32) / 32768
        mel = self._mel(wide)[:, :FRAMES]
        mel = np.pad(mel, ((0, 0), (0, FRAMES - mel.shape[1])), constant_values=float(mel.min()))
        heard = self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None], np.float32)))
        start = self._start(vocabulary)
        return max(self._one(heard, start, f" {text}") for text in (normalised(phrase), f"{phrase.capitalize()}."))

    def _one(self, heard: ctranslate2.StorageView, start: list[int], text: str) -> float:
        tokens = self._tokens.encode(text, add_special_tokens=False).ids
        (found,) = self._model.align(heard, start, [tokens], FRAMES)
        return float(np.mean(np.log(np.maximum(found.text_token_probs, 1e-10))))

    def _start(self, vocabulary: Vocabulary) -> list[int]:
        context = self._tokens.encode(" " + ", ".join(vocabulary.phrases), add_special_tokens=False).ids
        marks = ("<|startoftranscript|>", f"<|{vocabulary.language[:2]}|>", "<|transcribe|>", "<|notimestamps|>")
        return [
            self._tokens.token_to_id("<|startofprev|>"),
            *context[:MOST_CONTEXT],
            *map(self._tokens.token_to_id, marks),
        ]


def score(fits: float) -> float:
    """A mean log-probability as 0 to 1."""
    return 1 / (1 + math.exp(-STEEP * (fits - EVEN)))
