"""PocketSphinx with a grammar of the phrases: 0.03 CPU seconds an answer, English and, by spelling, Russian.

Its acoustic model is English; Russian words are spelt in its phones (ARPAbet), by hand in a file of the host where it
matters, else letter by letter. It rejects nothing by itself, so words that nobody says are in the grammar as decoys.
The package `pocketsphinx` is no dependency of ours: a host that uses this engine installs it.
"""

from __future__ import annotations

import asyncio
import threading
from functools import lru_cache
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder, get_model_path

from pbx.speech.recognition.answer import RATE
from pbx.speech.recognition.heard import EngineError, Heard, Vocabulary, normalised

WIDE = 16_000
MOST_MENUS = 16  # whose decoders are kept, of 40 MB each at most
DECOYS = (
    "abandon", "bicycle", "chocolate", "dinosaur", "elephant", "furniture", "gravity", "hospital", "island", "jungle",
    "kitchen", "lemonade", "mountain", "november", "umbrella",
)  # fmt: skip
PHONES = {
    "а": "AA", "б": "B", "в": "V", "г": "G", "д": "D", "е": "Y EH", "ж": "ZH", "з": "Z", "и": "IY", "й": "Y", "к": "K",
    "л": "L", "м": "M", "н": "N", "о": "AO", "п": "P", "р": "R", "с": "S", "т": "T", "у": "UW", "ф": "F", "х": "HH",
    "ц": "T S", "ч": "CH", "ш": "SH", "щ": "SH CH", "ъ": "", "ы": "IH", "ь": "", "э": "EH", "ю": "Y UW", "я": "Y AA",
}  # fmt: skip


class Sphinx:
    """`words` is a file of `WORD PHONE PHONE …` lines that are spelt otherwise than by the letters."""

    name = "sphinx"

    def __init__(self, words: Path | None) -> None:
        model = Path(get_model_path()) / "en-us"
        try:
            spelt = words.read_text("utf-8") if words is not None else ""
        except OSError as error:
            raise EngineError(f"{words}: {error.strerror}") from error
        self._spelt = dict(line.split(maxsplit=1) for line in spelt.splitlines() if line.strip())
        self._english = _dictionary(model / "cmudict-en-us.dict")
        self._made: dict[Vocabulary, Decoder] = {}
        self._turn = threading.Lock()
        self._acoustic = str(model / "en-us")

    async def recognise(self, pcm: bytes, vocabulary: Vocabulary) -> Heard:
        phrase = await asyncio.to_thread(self.propose, pcm, vocabulary)
        return Heard(phrase, 1.0 if phrase else 0.0, self.name)

    def propose(self, pcm: bytes, vocabulary: Vocabulary) -> str | None:
        """The phrase that fits best; None when a decoy does."""
        with self._turn:  # a decoder is one thread's at a time
            decoder = self._decoder(vocabulary)
            decoder.start_utt()
            decoder.process_raw(upsampled(pcm), full_utt=True)
            decoder.end_utt()
            found = decoder.hyp()
        said = " ".join(word.partition("(")[0] for word in (found.hypstr.split() if found else ()))
        return vocabulary.phrase(said) if said else None

    def _decoder(self, vocabulary: Vocabulary) -> Decoder:
        """Made once for a menu: it takes longer than an answer."""
        if vocabulary not in self._made:
            if len(self._made) >= MOST_MENUS:
                del self._made[next(iter(self._made))]
            self._made[vocabulary] = self._new(vocabulary)
        return self._made[vocabulary]

    def _new(self, vocabulary: Vocabulary) -> Decoder:
        phrases = [one for one in map(normalised, vocabulary.phrases) if all(map(self._phones, one.split()))]
        if not phrases:
            raise EngineError("no phrase of the menu can be spelt in the phones of PocketSphinx")
        decoder = Decoder(hmm=self._acoustic, lm=None, dict=None, samprate=float(WIDE), loglevel="FATAL")
        for word in sorted({word for one in (*phrases, *DECOYS) for word in one.split()}):
            decoder.add_word(word, self._phones(word), update=False)
        choices = " | ".join((*phrases, *DECOYS))
        decoder.add_jsgf_string("menu", f"#JSGF V1.0; grammar menu; public <answer> = {choices} ;")
        decoder.activate_search("menu")
        return decoder

    def _phones(self, word: str) -> str:
        """ "" for a word that cannot be spelt."""
        if (given := self._spelt.get(word) or self._english.get(word)) is not None:
            return given
        letters = [PHONES.get(letter) for letter in word]
        return "" if None in letters else " ".join(phones for phones in letters if phones)


@lru_cache(maxsize=1)
def _dictionary(path: Path) -> dict[str, str]:
    lines = (line.split(maxsplit=1) for line in path.read_text("utf-8").splitlines())
    return {parts[0]: parts[1] for parts in lines if len(parts) == 2 and "(" not in parts[0]}


def upsampled(pcm: bytes) -> bytes:
    """8 kHz to 16: nothing above 4 kHz comes to be."""
    narrow = np.frombuffer(pcm, "<i2").astype(np.float64)
    spectrum = np.fft.rfft(narrow)
    wide = np.fft.irfft(np.pad(spectrum, (0, len(narrow) // 2)), 2 * len(narrow)) * (WIDE // RATE)
    return np.clip(wide, -32768, 32767).astype("<i2").tobytes()
