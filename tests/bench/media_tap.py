"""B4 in the engine: µs more per recorded side and 20 ms, told to the client as `sound` events of half a second.

Legs that play and whose callers speak, in turn not recorded and recorded, in one run. What a relayed call costs more is
`recording.py`.

    python tests/bench/media_tap.py [--legs 200] [--seconds 12]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from media_load import CALLER_PORT, caller
from media_play import engine, start_engine

from pbx.media import g711
from pbx.media.engine_client import EngineClient

GOAL = 1.0  # µs
ROUNDS = 3


async def measure(folder: Path, legs: int, seconds: float) -> tuple[float, float]:
    """µs of a leg that is not recorded, and of one that is: medians."""
    client = EngineClient("bench")
    assert await client.connect(str(folder / "control.sock"), wait=5)
    for number in range(legs):
        await client.add_leg(str(number), remote=(caller(number), CALLER_PORT), payload=8, event_payload=101)
        await client.play(str(number), [{"file": "0.alaw"}], loop=True)
    plain, taped = [], []
    for _ in range(ROUNDS):
        plain.append((await engine(client, legs, seconds / 2 / ROUNDS))[0])
        for number in range(legs):
            await client.record(str(number))
        taped.append((await engine(client, legs, seconds / 2 / ROUNDS))[0])
        for number in range(legs):
            await client.stop_recording(str(number))
        print(f"not recorded {plain[-1]:.2f} µs, recorded {taped[-1]:.2f} µs", file=sys.stderr)
    await client.close()
    return statistics.median(plain), statistics.median(taped)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=12.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wave = 8000 * np.sin(2 * np.pi * 400 / 8000 * np.arange(8000 * 3))
        (folder / "0.alaw").write_bytes(g711.to_alaw(wave.astype(np.int16)).tobytes())
        process = start_engine(folder)
        try:
            plain, taped = asyncio.run(measure(folder, arguments.legs, arguments.seconds))
        finally:
            process.terminate()
            process.wait(10)
    more = taped - plain
    row: dict[str, Any] = {
        "bar": "B4 engine", "figure": round(more, 2),
        "unit": f"µs more per recorded side per 20 ms ({arguments.legs} legs; {plain:.2f} without)", "goal": GOAL,
        "floor": round(plain, 2), "ratio": round(taped / plain, 2), "holds": more <= GOAL,
    }  # fmt: skip
    print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
