"""B11: memory of the idle processes with the reference model, at 10,000 users, and of an established call.

Idle: the proportional set (Pss) of edge, relay, pbx-calls, pbx-media, pbx-journal and Redis together, which counts a
page that processes share once. At 10,000 users: how much more pbx-calls holds resident than with the reference model.
A call: 1,000 calls of two legs are up for 40 s (their transactions are gone), then 1,000 more: the growth of the
resident set of pbx-calls by the second thousand, which finds the room that the transactions of the first have left.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).parent))

from big_model import write
from local_stack import CALLS_PORT, EDGE_PORT, HOST, Stack, running
from whole_path import whole_path

SCENARIOS = Path(__file__).parent / "scenarios"
FOLDER = Path("/tmp/pbx-bench-memory")
MIB = 1024 * 1024
CALLS, HELD = 1000, 40.0  # seconds: longer than timers D, H and J


def pss(pids: list[int]) -> float:
    """MiB of processes, each page shared among those who hold it."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def group(leader: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader:
            found.append(int(folder.name))
    return found


def report(bar: str, figure: float, unit: str, goal: float, peer: float | None = None) -> None:
    ratio = round(figure / peer, 3) if peer else None
    row = {"bar": bar, "figure": round(figure, 1), "unit": unit, "goal": goal, "floor": peer, "ratio": ratio}
    print(json.dumps({**row, "holds": figure <= goal}), flush=True)


def idle() -> int:
    """The row of the idle processes; returns the resident bytes of pbx-calls."""
    with whole_path(FOLDER) as path:
        path.stack.start("redis", "redis-server", "--port", "0", "--unixsocket", str(FOLDER / "redis.sock"),
                         "--save", "")  # fmt: skip
        time.sleep(3)  # start-up is over, the first beats and rounds are done
        assert path.edge.process is not None
        parts = {name: pss([process.pid]) for name, process in path.stack.processes.items()}
        parts["edge"] = pss(group(path.edge.process.pid))
        split = ", ".join(f"{name} {size:.0f}" for name, size in sorted(parts.items()))
        report("B11 idle", sum(parts.values()), f"MiB together, the reference model: {split}", 250)
        return path.stack.rss("calls")


def ten_thousand(small: int) -> None:
    """The row of a call process with 10,000 users."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        with running(FOLDER, model=Path(folder)) as stack:
            time.sleep(3)
            fresh = stack.rss("calls") - small
            stack.ask("load")
            time.sleep(3)
            again = stack.rss("calls") - small
    unit = f"MiB more in pbx-calls with 10,000 users and numbers ({again / MIB:.0f} after the same was loaded again)"
    report("B11 10,000 users", fresh / MIB, unit, 60)


def established(stack: Stack) -> float:
    """KiB of an established call."""
    sizes = []
    started = [_sipp(stack, "uas", EDGE_PORT, 2 * CALLS)]
    try:
        for part in (1, 2):
            hold = ("-r", "100", "-d", "300000", "-l", str(CALLS))
            started.append(_sipp(stack, "uac", EDGE_PORT + part, CALLS, f"{HOST}:{CALLS_PORT}", *hold))
            _wait_for_calls(stack, part * CALLS)
            time.sleep(HELD)
            sizes.append(stack.rss("calls"))
            _wait_for_calls(stack, part * CALLS)  # none was lost
    finally:
        for process in started:
            process.kill()
            process.wait()
    return (sizes[1] - sizes[0]) / 1024 / CALLS


def _wait_for_calls(stack: Stack, number: int) -> None:
    deadline = time.monotonic() + 30
    while (up := stack.ask("status")["calls"]) != number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{up} calls are up, not {number}")
        time.sleep(0.2)


def _sipp(stack: Stack, scenario: str, port: int, calls: int, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", HOST, "-p", str(port), "-m", str(calls), "-nostdin",
         *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=stack.folder)  # fmt: skip


def main() -> int:
    small = idle()
    ten_thousand(small)
    with running(FOLDER) as stack:
        report(
            "B11 call",
            established(stack),
            f"KiB a call of two legs in pbx-calls, the second {CALLS} of {2 * CALLS} that are up",
            12,
            429,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
