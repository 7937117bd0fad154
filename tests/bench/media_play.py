"""B3: CPU of the media engine per leg and 20 ms, each leg playing a prompt while its caller sends.

The floor is a process that does recvmmsg and sendmmsg with the same packets and nothing else, measured in turn with the
engine. B11: memory of the engine per leg, in the same run.

    python tests/bench/media_play.py [--legs 1000] [--seconds 9]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from media_load import CALLER_PORT, caller

from pbx.media import g711
from pbx.media.engine_client import EngineClient

ENGINE_PORT, ECHO_PORT = 46100, 46200
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def load(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / "media_load.py"), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT)


def result(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    return dict(json.loads(process.communicate(timeout=60)[0]))


def start_engine(folder: Path) -> subprocess.Popen[bytes]:
    """An engine whose prompts and control socket are in `folder`."""
    config = {
        "address": "127.0.0.1",
        "port": ENGINE_PORT,
        "socket": str(folder / "control.sock"),
        "prompts": str(folder),
    }
    (folder / "media.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "pbx.server.media", "--config", str(folder / "media.json")]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL)


def floor(legs: int, seconds: float) -> float:
    """µs per packet that comes and goes."""
    echo = load("echo", ECHO_PORT, seconds + 0.5)
    result(load("callers", "127.0.0.1", ECHO_PORT, legs, seconds))
    measured = result(echo)
    return float(measured["cpu"]) * 1e6 / max(1, int(measured["packets"]))


async def hears(client: EngineClient, legs: int) -> None:
    """Until the callers' first frames are there: a busy machine starts processes late."""
    begun = int((await client.status())["received"])
    async with asyncio.timeout(10):
        while int((await client.status())["received"]) - begun < 2 * legs:  # noqa: ASYNC110 (it is a counter)
            await asyncio.sleep(0.05)


async def engine(client: EngineClient, legs: int, seconds: float, network: str = "") -> tuple[float, dict[str, Any]]:
    """µs per leg and tick while callers send, over a `bad` network perhaps, and the engine's figures after it."""
    for _ in range(3):
        callers = load("callers", "127.0.0.1", ENGINE_PORT, legs, seconds + 0.5, *([8, network] if network else []))
        await hears(client, legs)
        before = await client.status()
        await asyncio.sleep(seconds)
        after = await client.status()
        await asyncio.to_thread(result, callers)
        ticks = int(after["ticks"]) - int(before["ticks"])
        sending = (int(after["received"]) - int(before["received"])) / ticks / legs
        if sending > 0.9:
            return (after["cpu"] - before["cpu"]) * 1e6 / legs / ticks, after
        print(f"the callers sent {sending:.0%} of their frames, once more", file=sys.stderr)
    raise SystemExit("the machine is too busy for the callers to send")


async def measure(folder: Path, legs: int, seconds: float) -> list[dict[str, Any]]:
    client = EngineClient("bench")
    assert await client.connect(str(folder / "control.sock"), wait=5)
    idle = int((await client.status())["memory"])
    for number in range(legs):
        await client.add_leg(str(number), remote=(caller(number), CALLER_PORT), payload=8, event_payload=101)
        await client.play(str(number), [{"file": f"{number % 8}.alaw"}], loop=True)
    floors, figures = [], []
    for _ in range(2):
        floors.append(await asyncio.to_thread(floor, legs, seconds / 4))
        figure, status = await engine(client, legs, seconds / 4)
        figures.append(figure)
        print(f"floor {floors[-1]:.2f} µs, engine {figure:.2f} µs, {status}", file=sys.stderr)
    memory = (int(status["memory"]) - idle) / legs / 1024
    await client.close()
    figure, low = statistics.median(figures), statistics.median(floors)
    return [
        {
            "bar": "B3", "figure": round(figure, 2), "unit": f"µs per playing leg per 20 ms ({legs} legs)", "goal": 5.5,
            "floor": round(low, 2), "ratio": round(figure / low, 2), "holds": figure <= 5.5,
        },
        {
            "bar": "B11 media", "figure": round(memory, 1), "unit": "KB per media leg", "goal": 8.0,
            "floor": None, "ratio": None, "holds": memory <= 8.0,
        },
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=9.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(8):
            wave = 8000 * np.sin(2 * np.pi * (400 + 50 * number) / 8000 * np.arange(8000 * (3 + number)))
            (folder / f"{number}.alaw").write_bytes(g711.to_alaw(wave.astype(np.int16)).tobytes())
        process = start_engine(folder)
        try:
            for line in asyncio.run(measure(folder, arguments.legs, arguments.seconds)):
                print(json.dumps(line, ensure_ascii=False))
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    main()
