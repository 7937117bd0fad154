"""A Vosk server over its WebSocket: what most people who recognise speech on hosts of their own run.

The protocol (alphacep/vosk-server): a text message with the configuration, binary messages of PCM, `{"eof": 1}`; after
each a JSON answer: `{"partial": …}` while it listens, `{"text": …, "result": [{"word", "conf", "start", "end"}]}` for
what is final, the last after the end.
"""

from __future__ import annotations

from typing import Any

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from pbx.speech.recognition.answer import RATE
from pbx.speech.recognition.heard import EngineError, Heard, Vocabulary, normalised

PIECE = 8000
"""Bytes in a message: half a second."""
UNKNOWN = "[unk]"
"""What the grammar of Vosk has for all other words: without it everything would be a phrase."""


class Vosk:
    """`url` is `ws://HOST:2700`, with the model of one language."""

    name = "vosk"

    def __init__(self, url: str) -> None:
        self._url = url

    async def recognise(self, pcm: bytes, vocabulary: Vocabulary) -> Heard:
        phrases = [*map(normalised, vocabulary.phrases), UNKNOWN]
        config = {"config": {"sample_rate": RATE, "phrase_list": phrases, "words": 1, "max_alternatives": 0}}
        try:
            async with connect(self._url, compression=None, proxy=None) as server:
                await server.send(orjson.dumps(config).decode())
                found: list[dict[str, Any]] = []
                for at in range(0, len(pcm), PIECE):
                    await server.send(pcm[at : at + PIECE])
                    found.append(orjson.loads(await server.recv()))
                await server.send('{"eof" : 1}')
                found.append(orjson.loads(await server.recv()))
        except (OSError, WebSocketException, ValueError) as error:
            raise EngineError(f"the Vosk server at {self._url}: {error or type(error).__name__}") from error
        return _heard([one for one in found if one.get("text")], vocabulary)


def _heard(finals: list[dict[str, Any]], vocabulary: Vocabulary) -> Heard:
    text = " ".join(str(one["text"]) for one in finals)
    words = [word for one in finals for word in one.get("result", ())]
    phrase = vocabulary.phrase(text) if UNKNOWN not in text else None
    if phrase is None:
        return Heard(None, 0.0, Vosk.name)
    return Heard(phrase, min((float(word["conf"]) for word in words), default=1.0), Vosk.name)
