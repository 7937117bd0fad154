"""Where a caller's answer begins and ends: sound in, in pieces of any length; no clock but the sound's own.

A voice is what webrtcvad says it is, in mode 2: 88 % of the frames of speech are found at 30 dB, 1 % of the others are
taken for it. A cough is no answer: it must last.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

import webrtcvad

RATE = 8000
FRAME = 320
"""Bytes: 20 ms of 16-bit PCM at 8 kHz."""
BEGINS = 10
"""Frames with a voice among the last OF: somebody speaks."""
OF = 15
ENDS = 35
"""Frames without a voice (0.7 s) after which the answer is over."""
LONGEST = 400
"""Frames (8 s): whoever speaks for longer gives no answer to a menu."""
BEFORE = 25
"""Frames that are kept of what came before the voice was sure."""


class Turn(Enum):
    SPEAKS = "speaks"
    OVER = "over"


class Answer:
    """One answer. `pcm` is what was said, once it is over."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(2)
        self._rest = b""
        self._frames: list[bytes] = []
        self._before: deque[bytes] = deque(maxlen=BEFORE)
        self._voices: deque[bool] = deque(maxlen=OF)
        self._quiet = 0
        self._speaks = False
        self.is_over = False

    @property
    def pcm(self) -> bytes:
        return b"".join(self._frames)

    def hear(self, pcm: bytes) -> list[Turn]:
        """More of the sound; what it shows."""
        self._rest += pcm
        turns: list[Turn] = []
        while len(self._rest) >= FRAME and not self.is_over:
            frame, self._rest = self._rest[:FRAME], self._rest[FRAME:]
            turn = self._frame(frame, self._vad.is_speech(frame, RATE))
            turns += [turn] if turn is not None else []
        return turns

    def _frame(self, frame: bytes, is_voice: bool) -> Turn | None:
        if not self._speaks:
            self._before.append(frame)
            self._voices.append(is_voice)
            if sum(self._voices) < BEGINS:
                return None
            self._speaks, self._frames = True, list(self._before)
            return Turn.SPEAKS
        self._frames.append(frame)
        self._quiet = 0 if is_voice else self._quiet + 1
        if self._quiet < ENDS and len(self._frames) < LONGEST:
            return None
        self.is_over = True
        return Turn.OVER
