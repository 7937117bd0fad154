"""Run the benchmarks and write one table: build/bench.json and build/bench.md.

Each script of this folder prints its figures as JSON lines, `{bar, figure, unit, goal, floor, ratio, holds}`; `SCRIPTS`
names them with the bars they measure. Nothing here is asserted by `make test`: figures belong to the machine they were
taken on, so the table names it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

SCRIPTS: dict[str, tuple[str, ...]] = {
    "model.py": ("B6",),
    "decisions.py": ("B8",),
    "sip_stack.py": ("B1",),
    "call_in_memory.py": ("B1",),
    "signalling.py": ("B1", "B13"),
    "whole_path.py": ("B1", "B13"),
    "sustained.py": ("B14",),
    "restart.py": ("B13",),
    "memory.py": ("B11",),
    "presence.py": ("B16",),
    "media_play.py": ("B3",),
    "media_tap.py": ("B4",),
    "media_rooms.py": ("B2", "B12"),
    "media_drift.py": ("B2",),
    "speech_quality.py": ("B17",),
    "media_path.py": ("B5", "B13"),
    "recording.py": ("B4",),
    "apply.py": ("B7",),
    "plan.py": ("B15",),
    "edge_register.py": ("B10",),
}


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    revision = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "revision": revision,
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def run_script(name: str) -> list[dict[str, Any]]:
    """The figures of one script; a script that fails gives one row that says so."""
    done = subprocess.run(
        [sys.executable, str(HERE / name)], stdout=subprocess.PIPE, text=True, timeout=1800, check=False, cwd=ROOT
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        rows.append({"bar": SCRIPTS[name][0], "figure": None, "unit": f"{name} failed, status {done.returncode}",
                     "goal": None, "floor": None, "ratio": None, "holds": False})  # fmt: skip
    return rows


def as_markdown(rows: list[dict[str, Any]], where: dict[str, str]) -> str:
    """The table for people."""
    lines = [
        "# Benchmarks",
        "",
        ", ".join(f"{key} {value}" for key, value in where.items()),
        "",
        "| bar | figure | unit | goal | floor or peer | ratio | holds |",
        "|-|-|-|-|-|-|-|",
    ]
    for row in rows:
        cells = [
            row[key] if row[key] is not None else "–" for key in ("bar", "figure", "unit", "goal", "floor", "ratio")
        ]
        lines.append("| " + " | ".join(map(str, [*cells, "yes" if row["holds"] else "no"])) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one bar, e.g. B6")
    only = parser.parse_args().only
    rows = []
    for name, bars in SCRIPTS.items():
        if (HERE / name).exists() and (only is None or only in bars):
            print(f"bench: {name}", file=sys.stderr)
            rows += [row for row in run_script(name) if only is None or row["bar"].startswith(only)]
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    table = as_markdown(rows, machine())
    (build / "bench.md").write_text(table)
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
