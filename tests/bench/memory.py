"""B11: memory of the idle processes with the reference model, at 10,000 users, and of an established call.

Idle: the proportional set (Pss) of edge, relay, pbx-calls, pbx-media, pbx-journal and Redis together, which counts a
page that processes share once. At 10,000 users: how much more pbx-calls holds resident than with the reference model.
A call: 1,000 calls of two legs that have been up for 40 s (their transactions are gone), the growth of the resident set
of pbx-calls over them, after a first 1,000 whose end left its memory to be used again.
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
CALLS, HELD = 1000, 40.0  # seconds: more than timers D, H and J


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
    _hold(stack, hold=1.0)
    before = stack.rss("calls")
    uac = _start_calls(stack, hold=HELD + 30)
    deadline = time.monotonic() + 30
    while stack.ask("status")["calls"] < CALLS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{stack.ask('status')['calls']} of {CALLS} calls are up")
        time.sleep(0.2)
    time.sleep(HELD)
    size, up = stack.rss("calls") - before, stack.ask("status")["calls"]
    for process in uac:
        process.kill()
        process.wait()
    if up != CALLS:
        raise RuntimeError(f"{up} of {CALLS} calls were still up")
    return size / 1024 / CALLS


def _hold(stack: Stack, hold: float) -> None:
    for process in reversed(_start_calls(stack, hold=hold)):
        process.wait(60)
    time.sleep(HELD)


def _start_calls(stack: Stack, hold: float) -> list[subprocess.Popen[bytes]]:
    """SIPp on both sides of pbx-calls: the device, the caller."""
    both = []
    for scenario, port, more in (
        ("uas", EDGE_PORT, ()),
        ("uac", EDGE_PORT + 1, (f"{HOST}:{CALLS_PORT}", "-r", "100", "-d", str(int(hold * 1000)), "-l", "3000")),
    ):
        both.append(
            subprocess.Popen(
                ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", HOST, "-p", str(port), "-m", str(CALLS),
                 "-nostdin", *more],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=stack.folder)
        )  # fmt: skip
    return both


def main() -> int:
    small = idle()
    ten_thousand(small)
    with running(FOLDER) as stack:
        report("B11 call", established(stack), f"KiB a call of two legs in pbx-calls, {CALLS} up for 40 s", 12, 429)
    return 0


if __name__ == "__main__":
    sys.exit(main())
