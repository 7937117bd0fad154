"""B6: `pbx validate` and `pbx lint`, whole processes, on 10,000 users and 10,000 numbers; and B12 for it: growth."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from big_model import measure, write


def median_of(root: Path, verb: str = "validate", runs: int = 3) -> tuple[float, float]:
    """Median CPU seconds and the most MiB of several runs."""
    figures = [measure(root, verb) for _ in range(runs)]
    return statistics.median(cpu for cpu, _ in figures), max(memory for _, memory in figures)


def report(bar: str, figure: float, unit: str, goal: float, floor: float | None = None) -> None:
    ratio = round(figure / floor, 2) if floor else None
    print(json.dumps({"bar": bar, "figure": round(figure, 2), "unit": unit, "goal": goal, "floor": floor,
                      "ratio": ratio, "holds": figure <= goal}))  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "small", 1_000, 1_000)
        write(root / "large", 10_000, 10_000)
        small, _ = median_of(root / "small")
        large, memory = median_of(root / "large")
        linted, lint_memory = median_of(root / "large", "lint")
    # The floor is CSafeLoader with jsonschema on the same model: 10.2 s, measured once and not repeated here.
    report("B6 validate", large, "s CPU, 10,000 users and numbers", 2.0, 10.2)
    report("B6 memory", memory, "MiB, the same", 400)
    report("B6 lint", linted, "s CPU, the same", 4.0)
    report("B6 lint memory", lint_memory, "MiB, the same", 400)
    report("B12 validate", large / small, "times the CPU for ten times the model", 13.0)


if __name__ == "__main__":
    main()
