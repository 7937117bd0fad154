"""How speech sounds that went from phone to phone through rtpengine and a room of the engine, over bad networks: PESQ.

Each condition has a caller that speaks and one that listens in a room of two for each clip, all at once and in real
time. What the speaking phone sends is lost or late as the condition says; the listener's network is good. Beside each
score stands that of the same packets lost with silence in their place: what rtpengine alone would leave a phone that
conceals nothing. Speech are the PBX's own prompts, that is flite and festvox-ru, so the figures are for comparing.

    python tests/bench/speech_quality.py         # needs build/quality (make build/quality/.ready)
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from media_path import NG_PORT, Path5, start_rtpengine
from media_play import start_engine

from pbx.media import g711, rtp
from pbx.media.engine_client import EngineClient
from pbx.media.ng import NgClient, NgTimeout
from pbx.speech import wav

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCORER = ROOT / "build" / "quality" / "bin" / "python"
PROMPTS = ROOT / "src" / "pbx" / "speech" / "prompts"

SECONDS = 9.0
"""Of a clip: PESQ is meant for 8 to 12 s."""
QUIET = 1.0
"""Seconds of silence before it, in which the buffer learns what the network is like, and after it."""
AT_ONCE = 12
"""Pairs: more of them, and this process sends late."""
LATE, TRIES = 0.02, 2
"""Seconds by which a packet may leave late before all of them speak again: a busy machine is no network to be told."""
GOAL = 3.3
"""MOS-LQO at 5 % of loss: "fair" is 3, "good" is 4 (ITU-T P.800)."""


@dataclass(frozen=True)
class Network:
    """What happens to the packets of who speaks: a share of them is lost, `burst` at a time, and all are late by
    something between nothing and `jitter` seconds."""

    loss: float = 0.0
    jitter: float = 0.0
    burst: int = 1

    def __str__(self) -> str:
        lost = f"{self.loss:.0%} lost" + (f", {self.burst} at a time" if self.burst > 1 else "")
        late = f"{self.jitter * 1000:.0f} ms of jitter"
        return " and ".join(part for part, on in ((lost, self.loss), (late, self.jitter)) if on) or "a good network"

    def fates(self, count: int, seed: int) -> list[float | None]:
        """Seconds by which each packet is late, None: it is lost."""
        random = np.random.default_rng(seed)
        begins = random.random(count) < self.loss / self.burst
        lost = np.convolve(begins, np.ones(self.burst))[:count] > 0
        late = self.jitter * random.random(count)
        return [None if gone else float(by) for gone, by in zip(lost, late, strict=True)]


NETWORKS = (
    Network(),
    Network(loss=0.01),
    Network(loss=0.03),
    Network(loss=0.05),
    Network(loss=0.05, burst=2),
    Network(jitter=0.04),
    Network(loss=0.05, jitter=0.04),
    Network(loss=0.05, jitter=0.08),
)


def clips() -> list[np.ndarray]:
    """Four of them, two languages: whole frames as A-law can say them."""
    found = []
    for folder in ("en-US", "ru-RU"):
        sentences = [path for path in sorted((PROMPTS / folder).glob("*.wav")) if not path.name.startswith("piece")]
        for first in (0, 1):
            parts: list[np.ndarray] = []
            for path in sentences[first::4]:
                parts += [wav.read(path.read_bytes()).samples[:, 0] * 32767, np.zeros(1600)]
            wave = np.concatenate(parts)[: round(SECONDS * 8000)].astype(np.int16)
            assert len(wave) == round(SECONDS * 8000), "the prompts are shorter than they were"
            found.append(g711.ALAW_TO_PCM[g711.to_alaw(wave)])
    return found


@dataclass(eq=False)
class Ear(asyncio.DatagramProtocol):
    """A phone that keeps what it is sent, by RTP timestamp."""

    frames: dict[int, bytes] = field(default_factory=dict)
    begun: float = 0.0

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.frames:
            self.begun = time.monotonic()
        self.frames[int.from_bytes(data[4:8])] = data[rtp.HEADER :]

    def sound(self) -> np.ndarray:
        """From the first frame on, with silence for one that did not come."""
        first = next(iter(self.frames))
        sound = np.full((len(self.frames) + 200, rtp.SAMPLES), g711.ALAW_SILENCE, np.uint8)
        for timestamp, frame in self.frames.items():
            number = ((timestamp - first) & 0xFFFFFFFF) // rtp.SAMPLES
            if number < len(sound):
                sound[number] = np.frombuffer(frame, np.uint8)
        return g711.ALAW_TO_PCM[sound.reshape(-1)]


@dataclass(eq=False)
class Pair:
    """One who speaks and one who listens."""

    network: Network
    said: np.ndarray
    seed: int
    ear: Ear = field(default_factory=Ear)
    mouth: asyncio.DatagramTransport | None = None
    to: tuple[str, int] = ("", 0)

    @property
    def fates(self) -> list[float | None]:
        return self.network.fates(len(self.said) // rtp.SAMPLES, self.seed)

    def packets(self) -> list[tuple[float, int, bytes]]:
        """(second, number, packet) of silence, the clip and silence."""
        quiet = [0.0] * round(QUIET / rtp.SECONDS)
        coded = [g711.to_alaw(self.said)[at : at + 160].tobytes() for at in range(0, len(self.said), 160)]
        silence = [bytes([g711.ALAW_SILENCE]) * rtp.SAMPLES] * len(quiet)
        out = []
        for number, (fate, sound) in enumerate(
            zip([*self.before(), *self.fates, *quiet], [*silence, *coded, *silence], strict=True)
        ):
            if fate is not None:
                head = b"\x80\x08" + number.to_bytes(2) + (number * 160).to_bytes(4) + self.seed.to_bytes(4)
                out.append((number * rtp.SECONDS + fate, number, head + sound))
        return out

    def before(self) -> list[float | None]:
        """The silence has the same jitter."""
        return [each or 0.0 for each in self.network.fates(round(QUIET / rtp.SECONDS), self.seed + 1000)]

    def without_concealment(self) -> np.ndarray:
        """What was said with silence for what got lost."""
        frames = self.said.reshape(-1, rtp.SAMPLES).copy()
        frames[[fate is None for fate in self.fates]] = 8  # A-law's silence
        return frames.reshape(-1)


async def connect(path: Path5, pair: Pair, number: int) -> None:
    """Both phones in a room of their own, over rtpengine."""
    loop = asyncio.get_running_loop()
    for name, protocol in (("mouth", asyncio.DatagramProtocol()), ("ear", pair.ear)):
        transport, _ = await loop.create_datagram_endpoint(lambda own=protocol: own, local_addr=("127.0.0.1", 0))
        leg, port = f"{name}{number}", int(transport.get_extra_info("sockname")[1])
        to = await path.connect(leg, "127.0.0.1", port, rtp.PCMA)
        await path.engine.enter_room(leg, f"room {number}")
        if name == "mouth":
            pair.mouth, pair.to = transport, ("127.0.0.1", to)


async def speak(pairs: Sequence[Pair]) -> float:
    """All of them at once; returns by how many seconds a packet left too late at most."""
    latest = 0.0
    waiting = [(at, which, number, data) for which, pair in enumerate(pairs) for at, number, data in pair.packets()]
    begin = time.monotonic() + 0.1
    for at, which, _, data in sorted(waiting):
        left = begin + at - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        latest = max(latest, -left)
        mouth = pairs[which].mouth
        assert mouth is not None
        mouth.sendto(data, pairs[which].to)
    await asyncio.sleep(0.5)
    return latest


async def run(folder: Path, pairs: Sequence[Pair]) -> None:
    engine, ng = EngineClient("bench"), NgClient()
    assert await engine.connect(str(folder / "control.sock"), wait=5)
    await ng.connect("127.0.0.1", NG_PORT)
    for _ in range(5):
        try:
            await ng.command("ping")
            break
        except NgTimeout:
            continue
    path = Path5(ng, engine)
    for at in range(0, len(pairs), AT_ONCE):
        for _ in range(TRIES):
            late = await talk(path, pairs[at : at + AT_ONCE])
            print(f"pairs {at} to {at + AT_ONCE}: packets left {late * 1000:.0f} ms late at most", file=sys.stderr)
            if late < LATE:
                break
    await engine.close()


async def talk(path: Path5, pairs: Sequence[Pair]) -> float:
    """These pairs, from their first packet to their last."""
    for number, pair in enumerate(pairs):
        await connect(path, pair, number)
    for pair in pairs:
        pair.ear.frames.clear()
    late = await speak(pairs)
    await path.disconnect()
    return late


def scores(folder: Path, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[tuple[float, float]]:
    named = {}
    for number, (said, heard) in enumerate(pairs):
        named |= {f"said_{number}": said, f"heard_{number}": heard}
    np.savez(folder / "pairs.npz", **named)
    command = [str(SCORER), str(HERE / "score_speech.py"), str(folder / "pairs.npz")]
    return [tuple(each) for each in json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)]


def rows(folder: Path, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    heard = scores(folder, [(pair.said, pair.ear.sound()) for pair in pairs])
    bare = scores(folder, [(pair.said, pair.without_concealment()) for pair in pairs])
    found = []
    for network in NETWORKS:
        chosen = [number for number, pair in enumerate(pairs) if pair.network == network]
        ours = np.array([heard[number][0] for number in chosen])
        without = float(np.mean([bare[number][0] for number in chosen]))
        found.append(_row(network, ours, without))
    return found


def _row(network: Network, ours: np.ndarray, without: float) -> dict[str, Any]:
    figure = round(float(ours.mean()), 2)
    goal = GOAL if network.loss == 0.05 and network.burst == 1 else None
    return {
        "bar": "B17 speech", "figure": figure,
        "unit": f"MOS-LQO (PESQ), {network} ({ours.min():.2f} to {ours.max():.2f}); floor: nothing concealed",
        "goal": goal, "floor": round(without, 2), "ratio": round(figure / without, 2),
        "holds": None if goal is None else figure >= goal,
    }  # fmt: skip


def main() -> None:
    if not SCORER.exists():
        raise SystemExit("build/quality is missing: make build/quality/.ready")
    said = clips()
    pairs = [Pair(network, clip, which) for network in NETWORKS for which, clip in enumerate(said, 1)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        processes = [start_rtpengine(folder), start_engine(folder)]
        try:
            asyncio.run(run(folder, pairs))
        finally:
            for process in processes:
                process.terminate()
                process.wait(10)
        for row in rows(folder, pairs):
            print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
