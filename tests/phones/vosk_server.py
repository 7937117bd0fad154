"""A server that speaks the protocol of alphacep/vosk-server, for tests: `vosk_server.py PORT FOLDER ADDRESS`.

FOLDER has a WAV (8 kHz, 16 bit, mono) of each phrase it knows, named after it. What it hears is the one that lies
nearest by dynamic time warping of log spectra, if that is near enough: right for the voice of its folder, and no
recogniser for anybody else's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import ServerConnection, serve

FRAME, HOP, BANDS = 200, 80, 20
NEAR = 0.55  # of the distance from the phrase to silence
Spectra = NDArray[np.float64]


def spectra(pcm: bytes) -> Spectra:
    """Log energies of bands, a row each 10 ms, of the part that is loud; each band with its mean taken off."""
    wave_ = np.frombuffer(pcm, "<i2").astype(np.float64) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(wave_, FRAME)[::HOP] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames, 256)) ** 2
    edges = np.linspace(4, 110, BANDS + 1).astype(int)
    bands = np.log(np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1) + 1e-6)
    loud = np.flatnonzero(power.sum(axis=1) > power.sum(axis=1).max() * 1e-3)
    part: Spectra = bands[loud[0] : loud[-1] + 1]
    return part - part.mean(axis=0)


def distance(one: Spectra, other: Spectra) -> float:
    """Of the cheapest way through both, by the length of the way."""
    cost = np.linalg.norm(one[:, None] - other[None], axis=2)
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            least = min(total[row - 1, column], total[row, column - 1], total[row - 1, column - 1])
            total[row, column] = cost[row - 1, column - 1] + least
    return float(total[-1, -1] / (len(one) + len(other)))


class Recogniser:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, Spectra] = {}
        for path in folder.glob("*.wav"):
            with wave.open(str(path)) as file:
                self.known[path.stem] = spectra(file.readframes(file.getnframes()))

    def answer(self, pcm: bytes, phrases: list[str]) -> dict[str, Any]:
        said = spectra(pcm)
        found = {one: distance(said, self.known[one]) for one in phrases if one in self.known}
        best = min(found, key=lambda one: found[one], default="")
        if not best or found[best] > NEAR * float(np.linalg.norm(said, axis=1).mean()):
            return {"text": "[unk]"}
        words = [{"word": word, "conf": 0.97, "start": 0.0, "end": 0.1} for word in best.split()]
        return {"text": best, "result": words}

    async def serve(self, socket: ServerConnection) -> None:
        phrases: list[str] = []
        pcm = b""
        async for message in socket:
            if isinstance(message, bytes):
                pcm += message
                await socket.send('{"partial" : ""}')
                continue
            told = json.loads(message)
            if "config" in told:
                phrases = told["config"].get("phrase_list", list(self.known))
                assert told["config"]["sample_rate"] == 8000
            elif told.get("eof"):
                while (self.folder / "stuck").exists():  # noqa: ASYNC110 (a server that is too slow)
                    await asyncio.sleep(0.05)
                await socket.send(json.dumps(self.answer(pcm, phrases)))
                return


async def main() -> None:
    recogniser = Recogniser(Path(sys.argv[2]))
    async with serve(recogniser.serve, sys.argv[3], int(sys.argv[1])) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
