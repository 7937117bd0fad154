"""Score pairs of speech by PESQ (ITU-T P.862 and P.862.1, narrow band): run by the Python of build/quality.

    build/quality/bin/python tests/bench/score_speech.py PAIRS.npz     # said_N and heard_N, 16 bit at 8 kHz

Prints a JSON list of [MOS-LQO, seconds by which `heard` is late], one for each N. The two are brought in step first.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from pesq import pesq

RATE = 8000


def lag(said: np.ndarray, heard: np.ndarray) -> int:
    """Samples by which what is heard is later than what was said, by cross-correlation."""
    size = 1 << (len(said) + len(heard) - 1).bit_length()
    product = np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(said.astype(float), size))
    return int(np.argmax(np.fft.irfft(product)[: 4 * RATE]))


def score(said: np.ndarray, heard: np.ndarray) -> tuple[float, float]:
    late = lag(said, heard)
    length = min(len(said), len(heard) - late)
    return float(pesq(RATE, said[:length], heard[late : late + length], "nb")), late / RATE


if __name__ == "__main__":
    pairs = np.load(sys.argv[1])
    count = len(pairs.files) // 2
    print(json.dumps([score(pairs[f"said_{number}"], pairs[f"heard_{number}"]) for number in range(count)]))
