"""`pbx-write-down --vosk [ru=]ws://HOST:2700 --language ru-RU`: a WAV on stdin, what a Vosk server takes it for on
stdout, as `transcribe:` of a box wants it of a program (`{"text": …}`). The protocol is that of alphacep/vosk-server.
"""

from __future__ import annotations

import argparse
import sys
import wave
from collections.abc import Sequence

import orjson
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

PIECE = 16_000  # bytes in a message: a second
ANY = ""  # language of a server that is for all the others


class NotWritten(Exception):
    """The text says why."""


def main(argv: list[str] | None = None) -> int:
    """0: a text is on stdout, perhaps an empty one; 1: stderr says why not."""
    parser = argparse.ArgumentParser(prog="pbx-write-down", description="write down a WAV by a Vosk server")
    parser.add_argument(
        "--vosk", action="append", required=True, metavar="[LANGUAGE=]URL", help="may be given several times"
    )
    parser.add_argument("--language", default="", help="such as ru-RU")
    arguments = parser.parse_args(argv)
    try:
        with wave.open(sys.stdin.buffer) as file:
            rate, pcm = file.getframerate(), file.readframes(file.getnframes())
        text = written(server_for(arguments.vosk, arguments.language), rate, pcm)
    except (NotWritten, wave.Error, EOFError) as error:
        print(f"error: {error or 'no WAV file'}", file=sys.stderr)
        return 1
    print(orjson.dumps({"text": text}).decode())
    return 0


def server_for(named: Sequence[str], language: str) -> str:
    """That of the language, else the one for all. Raises NotWritten."""
    urls = {}
    for one in named:
        name, _, url = one.rpartition("=") if not one.startswith(("ws://", "wss://")) else (ANY, "", one)
        urls[name.lower()] = url
    for wanted in (language.lower(), language.lower().partition("-")[0], ANY):
        if wanted in urls:
            return urls[wanted]
    raise NotWritten(f"no server is named for {language or 'no language'}")


def written(url: str, rate: int, pcm: bytes) -> str:
    """What the server says, piece after piece. Raises NotWritten."""
    said: list[str] = []
    try:
        with connect(url, compression=None, proxy=None) as server:
            server.send(orjson.dumps({"config": {"sample_rate": rate}}).decode())
            for at in range(0, len(pcm), PIECE):
                server.send(pcm[at : at + PIECE])
                said.append(_final(server.recv()))
            server.send('{"eof" : 1}')
            said.append(_final(server.recv()))
    except (OSError, WebSocketException, ValueError) as error:
        raise NotWritten(f"the Vosk server at {url}: {error or type(error).__name__}") from error
    return " ".join(filter(None, said))


def _final(answer: str | bytes) -> str:
    """The text of a final answer, "" of a partial one."""
    found = orjson.loads(answer)
    return str(found.get("text", "")) if isinstance(found, dict) else ""


if __name__ == "__main__":
    sys.exit(main())
