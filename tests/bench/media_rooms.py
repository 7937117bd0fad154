"""B2: CPU of the media engine per leg and 20 ms in conference rooms, all talking: 60 rooms of 3, and one of 100.

Everything a leg has is in the figure: jitter buffer, concealment, digits, RTCP, mixing, and who speaks. The floor is a
process that does recvmmsg and sendmmsg with the same packets and nothing else, measured in turn with the engine. More
runs say what a bad network costs (5 % of all packets lost, each up to 40 ms late), and how it grows (B12).

    python tests/bench/media_rooms.py [--seconds 24]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media_load import CALLER_PORT, caller
from media_play import engine, floor, start_engine

from pbx.media.engine_client import EngineClient

GOAL = 6.0  # µs
GROWTH = 1.3


@dataclass(frozen=True)
class Shape:
    """So many rooms of so many."""

    bar: str
    rooms: int
    size: int
    network: str = ""

    @property
    def legs(self) -> int:
        return self.rooms * self.size

    def __str__(self) -> str:
        return f"{self.rooms} room{'s' if self.rooms > 1 else ''} of {self.size}"


SHAPES = (
    Shape("B2", 60, 3),
    Shape("B2", 1, 100),
    Shape("B2 bad network", 60, 3, "bad"),
    Shape("B12 rooms", 20, 3),
    Shape("B12 rooms", 400, 3),
)


async def measure(folder: Path, shape: Shape, seconds: float) -> tuple[float, float]:
    """µs of the floor and of the engine: medians of three runs in turn."""
    client = EngineClient("bench")
    assert await client.connect(str(folder / "control.sock"), wait=5)
    for number in range(shape.legs):
        await client.add_leg(str(number), remote=(caller(number), CALLER_PORT), payload=8, event_payload=101)
        await client.enter_room(str(number), f"room {number // shape.size}")
    floors, figures = [], []
    for _ in range(3):
        floors.append(await asyncio.to_thread(floor, shape.legs, seconds / 3))
        figure, status = await engine(client, shape.legs, seconds / 3, shape.network)
        figures.append(figure)
        print(f"{shape}: floor {floors[-1]:.2f} µs, engine {figure:.2f} µs, {status}", file=sys.stderr)
    for number in range(shape.legs):
        await client.remove_leg(str(number))
    await client.close()
    return statistics.median(floors), statistics.median(figures)


def row(shape: Shape, low: float, figure: float) -> dict[str, Any]:
    lossy = ", 5 % lost, up to 40 ms late" if shape.network else ""
    goal = None if shape.network else GOAL
    return {
        "bar": shape.bar, "figure": round(figure, 2),
        "unit": f"µs per leg per 20 ms, {shape}, all talking{lossy}", "goal": goal, "floor": round(low, 2),
        "ratio": round(figure / low, 2), "holds": None if goal is None else figure <= goal,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=24.0)
    seconds = parser.parse_args().seconds / len(SHAPES)
    found: list[tuple[Shape, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = start_engine(folder)
        try:
            for shape in SHAPES:
                low, figure = asyncio.run(measure(folder, shape, seconds))
                found.append((shape, figure))
                print(json.dumps(row(shape, low, figure), ensure_ascii=False))
        finally:
            process.terminate()
            process.wait(10)
    few, many = (figure for shape, figure in found if shape.bar.startswith("B12"))
    growth = {
        "bar": "B12 rooms", "figure": round(many / few, 2), "unit": "times the CPU of a leg: 1,200 legs instead of 60",
        "goal": GROWTH, "floor": None, "ratio": None, "holds": many / few <= GROWTH,
    }  # fmt: skip
    print(json.dumps(growth, ensure_ascii=False))


if __name__ == "__main__":
    main()
