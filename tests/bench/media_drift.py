"""An hour of a tone through the jitter buffer, on virtual time, from senders whose clocks are 200 ppm wrong: no gap may
come of it, and no delay. And what 5 % of loss and 80 ms of jitter leave of a tone.

    python tests/bench/media_drift.py [--minutes 60]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from unit.media.media_line import Buffer, Line, error

CLEAN, BAD = (
    -38.0,
    -10.0,
)  # dB of what is not the tone: of G.711 alone, and when a tenth of the energy is something else
SHIFTED = "frames of a hundred that were made a sample longer or shorter"


def network(most: float, loss: float) -> Callable[[int], float | None]:
    random = np.random.default_rng(1)
    return lambda n: None if random.random() < loss else 0.005 + most * float(random.random())


def drift(minutes: int) -> Iterator[dict[str, Any]]:
    slow, fast = Line(ppm=-200), Line(ppm=200)
    buffer = Buffer(slow, fast)
    for _ in range(minutes):
        buffer.run(60)
    for slot, line in enumerate((slow, fast)):
        errors = error(line.wave(1), line.hertz)
        shifted = 100 * float(np.mean(errors > CLEAN))
        what = f"of {minutes} minutes at {line.ppm:+.0f} ppm"
        yield _row(buffer.ring.concealed, f"frames concealed {what} (both clocks)", 0, buffer.ring.concealed == 0)
        yield _row(round(shifted, 2), f"{SHIFTED}, {what}; the worst has {errors.max():.1f} dB of error", None, None)
        yield _row(
            round(buffer.waits(slot) * 1000), f"ms in the buffer at the end {what}", 60, buffer.waits(slot) <= 0.06
        )


def loss() -> Iterator[dict[str, Any]]:
    for most, share in ((0.0, 0.05), (0.08, 0.0), (0.08, 0.05)):
        line = Line(delay=network(most, share))
        buffer = Buffer(line)
        buffer.run(60)
        bad = 100 * float(np.mean(error(line.wave(3), line.hertz) > BAD))
        waits = round(buffer.waits() * 1000)
        what = f"{share:.0%} lost, {most * 1000:.0f} ms of jitter; {waits} ms in the buffer"
        yield _row(round(bad, 2), f"frames of a hundred that are heard to be another sound, {what}", 1.0, bad <= 1.0)


def _row(figure: float, unit: str, goal: float | None, holds: bool | None) -> dict[str, Any]:
    return {
        "bar": "B2 buffer", "figure": figure, "unit": unit, "goal": goal, "floor": None, "ratio": None, "holds": holds,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=60)
    minutes = parser.parse_args().minutes
    for each in (*loss(), *drift(minutes)):
        print(json.dumps(each, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
