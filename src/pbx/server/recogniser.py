"""`pbx-recogniser --config /etc/pbx/calls.json`: makes phrases of what callers say, beside the call processes.

A process of its own: an engine may take a core for a second, grow, or crash, and no call and no sound waits for it. It
speaks the frames of `pbx.media.control` over a Unix socket, one connection a call process:

listen  id, language, phrases     an answer is expected
sound   id, data                  A-law in base64, as it comes
leave   id                        nobody waits for it any more
status  id                        -> engine, waiting, heard, failed

Events: `{"event": "speaks", "id"}` a voice begins; then one of `{"event": "heard", "id", "phrase" | null, "score",
"engine", "took" (ms from the end of the answer)}` and `{"event": "failed", "id", "why"}`. What was said is in no log.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import logging
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pbx.media import g711
from pbx.media.control import FrameError, FrameReader, Message, frame
from pbx.server import logs
from pbx.server.config_file import ConfigError, told
from pbx.server.notify import notify
from pbx.speech.recognition.answer import Answer, Turn
from pbx.speech.recognition.engines import made
from pbx.speech.recognition.heard import Engine, EngineError, Vocabulary

log = logging.getLogger("pbx-recogniser")

WATCHDOG = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class RecogniserConfig:
    """`deadline`: seconds from the end of an answer to what was understood, waiting for a turn included; `at_once`:
    answers that the engine works on at the same time."""

    socket: Path
    deadline: float
    at_once: int
    engine: dict[str, Any]


def read(path: Path) -> RecogniserConfig:
    """Read the file. Raises ConfigError."""
    with told(path):
        data: dict[str, Any] = orjson.loads(path.read_bytes())["recogniser"]
        return RecogniserConfig(
            Path(data["socket"]), float(data["deadline"]), int(data["at_once"]), dict(data["engine"])
        )


@dataclass(slots=True)
class _Listening:
    vocabulary: Vocabulary
    answer: Answer = field(default_factory=Answer)
    work: asyncio.Task[None] | None = None


class Recogniser:
    """The process: a socket, a queue and a deadline around an engine."""

    def __init__(self, config: RecogniserConfig, engine: Engine) -> None:
        self._config = config
        self._engine = engine
        self._turn = asyncio.Semaphore(config.at_once)
        self._waiting = self._heard = self._failed = 0

    async def run(self) -> None:
        """Serve until SIGTERM."""
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        with contextlib.suppress(FileNotFoundError):
            self._config.socket.unlink()
        server = await asyncio.start_unix_server(self._serve, str(self._config.socket))
        os.chmod(self._config.socket, 0o660)
        notify("READY=1")
        log.info(
            "engine %s, %.1f s for an answer, %d at once",
            self._engine.name,
            self._config.deadline,
            self._config.at_once,
        )
        while not stopping.is_set():
            notify("WATCHDOG=1")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCHDOG):
                    await stopping.wait()
        notify("STOPPING=1")
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames, listening = FrameReader(), dict[str, _Listening]()
        try:
            while data := await reader.read(65536):
                for message in frames.feed(data):
                    self._take(message, listening, writer)
        except (OSError, FrameError, KeyError, TypeError, ValueError) as error:
            log.warning("a call process: %r", error)
        finally:
            for one in listening.values():
                if one.work is not None:
                    one.work.cancel()
            writer.close()

    def _take(self, message: Message, listening: dict[str, _Listening], writer: asyncio.StreamWriter) -> None:
        name = str(message["id"])
        match message["op"]:
            case "listen":
                phrases = tuple(map(str, message["phrases"]))
                listening[name] = _Listening(Vocabulary(str(message["language"]), phrases))
            case "sound" if (one := listening.get(name)) is not None:
                self._hear(name, one, base64.b64decode(message["data"]), listening, writer)
            case "leave":
                gone = listening.pop(name, None)
                if gone is not None and gone.work is not None:
                    gone.work.cancel()
            case "status":
                writer.write(frame({"event": "status", "id": name, **self._status()}))

    def _hear(
        self, name: str, one: _Listening, alaw: bytes, listening: dict[str, _Listening], writer: asyncio.StreamWriter
    ) -> None:
        pcm = g711.ALAW_TO_PCM[np.frombuffer(alaw, np.uint8)].astype("<i2").tobytes()
        for turn in one.answer.hear(pcm):
            if turn is Turn.SPEAKS:
                writer.write(frame({"event": "speaks", "id": name}))
            else:
                one.work = asyncio.ensure_future(self._work(name, one, writer))
                one.work.add_done_callback(lambda _: listening.pop(name, None))

    async def _work(self, name: str, one: _Listening, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        ended = loop.time()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._config.deadline), self._turn:
                heard = await self._engine.recognise(one.answer.pcm, one.vocabulary)
        except TimeoutError:
            self._failed += 1
            writer.write(frame({"event": "failed", "id": name, "why": f"not in {self._config.deadline:g} s"}))
        except EngineError as error:
            self._failed += 1
            log.error("%s", error)
            writer.write(frame({"event": "failed", "id": name, "why": str(error)}))
        else:
            self._heard += 1
            took = round((loop.time() - ended) * 1000)
            told = {"phrase": heard.phrase, "score": round(heard.score, 3), "engine": heard.engine, "took": took}
            writer.write(frame({"event": "heard", "id": name, **told}))
        finally:
            self._waiting -= 1

    def _status(self) -> dict[str, Any]:
        counts = {"waiting": self._waiting, "heard": self._heard, "failed": self._failed}
        return {"pid": os.getpid(), "engine": self._engine.name, **counts}


def main(argv: list[str] | None = None) -> int:
    """Entry point of `pbx-recogniser`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="pbx-recogniser", description="Makes phrases of what callers say.")
    parser.add_argument("--config", type=Path, default=Path("/etc/pbx/calls.json"))
    arguments = parser.parse_args(argv)
    logs.to_stderr()
    try:
        config = read(arguments.config)
        asyncio.run(Recogniser(config, made(config.engine)).run())
    except (ConfigError, EngineError, OSError) as error:
        log.error("pbx-recogniser does not start: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
