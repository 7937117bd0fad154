"""B1 and B13: what a complete call of two legs costs pbx-calls, with rtpengine, journal and CDR on, and how fast it is.

SIPp stands on both sides of pbx-calls (the edges of the real path are measured apart): 300 calls a second for 10 s,
each held 0.3 s, no media. CPU is user + system of the process over the run, divided by the calls that ended well; the
median of three runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from local_stack import CALLS_PORT, EDGE_PORT, HOST, Stack, running

SCENARIOS = Path(__file__).parent / "scenarios"
FOLDER = Path("/tmp/pbx-bench-signalling")
RUNS = 3


def load_run(stack: Stack, *, rate: int, calls: int, hold_ms: int = 300) -> dict[str, float]:
    """One SIPp run; returns CPU milliseconds per call of each process, and failures.

    The device has no limit of calls: the OPTIONS that ask for trunks come to it as well, and SIPp would count them.
    """
    uas = subprocess.Popen(
        ["sipp", "-sf", str(SCENARIOS / "uas.xml"), "-i", HOST, "-p", str(EDGE_PORT), "-nostdin", "-timeout", "120"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=stack.folder)  # fmt: skip
    before = {name: stack.cpu(name) for name in stack.processes}
    statistics = stack.folder / f"uac-{rate}.csv"
    subprocess.run(
        ["sipp", f"{HOST}:{CALLS_PORT}", "-sf", str(SCENARIOS / "uac.xml"), "-i", HOST, "-p", str(EDGE_PORT + 1),
         "-r", str(rate), "-m", str(calls), "-d", str(hold_ms), "-l", "3000", "-nostdin", "-timeout", "120",
         "-trace_stat", "-stf", str(statistics), "-fd", "1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=stack.folder, check=False)  # fmt: skip
    time.sleep(0.5)  # the last timers and the drainer's last batch belong to the run
    used = {name: stack.cpu(name) - before[name] for name in stack.processes}
    uas.terminate()
    uas.wait(10)
    last = statistics.read_text().splitlines()
    row = dict(zip(last[0].split(";"), last[-1].split(";"), strict=False))
    good = int(row["SuccessfulCall(C)"])
    result: dict[str, float] = {name: 1000 * seconds / max(1, good) for name, seconds in used.items()}
    return {**result, "good": good, "bad": calls - good}


def report(bar: str, figure: float, unit: str, goal: float, well: bool) -> None:
    """One row; the peer is Asterisk 22 with its 3.3 ms."""
    row = {"bar": bar, "figure": round(figure, 3), "unit": unit, "goal": goal, "floor": 3.3}
    print(json.dumps({**row, "ratio": round(figure / 3.3, 2), "holds": figure <= goal and well}))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--calls", type=int, default=3000)
    arguments = parser.parse_args()
    with running(FOLDER) as stack:
        load_run(stack, rate=50, calls=100)
        runs = [load_run(stack, rate=arguments.rate, calls=arguments.calls) for _ in range(RUNS)]
    print(json.dumps(runs), file=sys.stderr)
    result = sorted(runs, key=lambda run: run["calls"])[RUNS // 2]
    calls, failed = result["calls"], int(sum(run["bad"] for run in runs))
    path = calls + result["rtpengine"] + result["journal"]
    load = f"load average {os.getloadavg()[0]:.1f}"
    unit = f"ms CPU of pbx-calls a call at {arguments.rate}/s, {failed} failed ({load})"
    report("B1 finished", calls, unit, 1.0, not failed)
    report("B1 path without edge", path, "ms CPU a call: pbx-calls, rtpengine, drainer", 2.5, not failed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
