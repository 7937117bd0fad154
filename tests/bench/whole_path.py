"""B1 and B13 over the whole path: carrier → edge → pbx-calls → edge → device, with rtpengine, journal and records.

A real Kamailio with the role's configuration and all the rest stand in a network namespace of their own; SIPp plays the
carrier (known by its address, as trunks are) and the device that answers. CPU is user + system of every process of the
path by /proc, divided by the calls that ended well; SIPp's is not counted. The delay is INVITE sent to 180 received.
"""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).parent))

from edge_register import cpu_seconds
from local_stack import CALLS_PORT, Place, Stack, running
from unit.edge.edge_under_test import CALLS, CARRIER, EDGE, PHONE, EdgeUnderTest

from pbx.calls.live.exchange import token_of

SCENARIOS = Path(__file__).parent / "scenarios"
FOLDER = Path("/tmp/pbx-bench-whole-path")
RATE = 150  # calls a second; 300 with both SIPp does not fit two cores
DEVICE = "petrova-desk@romashka.example"


def prepare(edge: EdgeUnderTest) -> None:
    """What an apply would have written, and one registered device."""
    edge.fill("domain", {"romashka.example": "romashka"})
    edge.fill("did", {"e164_digits/74951000113": "romashka"})
    edge.fill("owner", {"romashka": f"sip:{CALLS}:{CALLS_PORT}"})
    edge.fill("token", {token_of("romashka"): "romashka"})
    edge.addresses(f"1 {CARRIER} 32 0 mtt/e164_digits\n2 {CALLS} 32 0 calls1\n")
    contact = f"sip:petrova-desk@{PHONE}:5060"
    edge.rpc.call("ul.add", "location", DEVICE, contact, 3600, 1.0, "0", 0, 0, 4294967295)


def load_run(stack: Stack, edge: EdgeUnderTest, enter: tuple[str, ...], *, rate: int, calls: int) -> dict[str, float]:
    """One run; CPU milliseconds a call by process, calls good and bad, and delays in milliseconds."""
    assert edge.process is not None
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": stack.folder}
    device = subprocess.Popen(
        [*enter, "sipp", "-sf", str(SCENARIOS / "device.xml"), "-i", PHONE, "-p", "5060", "-m", str(calls), "-nostdin"],
        **quiet,  # type: ignore[call-overload]
    )
    before = {name: stack.cpu(name) for name in stack.processes} | {"edge": cpu_seconds(edge.process.pid)}
    prefix = stack.folder / f"carrier-{rate}"
    subprocess.run(
        [*enter, "sipp", f"{EDGE}:5060", "-sf", str(SCENARIOS / "carrier.xml"), "-i", CARRIER, "-p", "5060",
         "-r", str(rate), "-m", str(calls), "-d", "300", "-l", "3000", "-nostdin", "-timeout", "120",
         "-trace_stat", "-stf", f"{prefix}.csv", "-fd", "1", "-trace_rtt", "-rtt_freq", "1"],
        check=False, **quiet,
    )  # fmt: skip
    time.sleep(0.5)  # the last timers and the drainer's last batch belong to the run
    used = {name: stack.cpu(name) - before[name] for name in stack.processes}
    used["edge"] = cpu_seconds(edge.process.pid) - before["edge"]
    device.terminate()
    device.wait(10)
    rows = list(csv.DictReader(Path(f"{prefix}.csv").read_text().splitlines(), delimiter=";"))
    good, bad = int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"])
    result: dict[str, float] = {name: 1000 * seconds / max(1, good) for name, seconds in used.items()}
    rings = sorted(delays(stack.folder))
    p99 = rings[int(len(rings) * 0.99) - 1] if rings else 0.0
    return {**result, "good": good, "bad": bad, "p50": statistics.median(rings or [0.0]), "p99": p99}


def delays(folder: Path) -> list[float]:
    """Milliseconds from INVITE to 180, from SIPp's newest file of response times (RTD 2); the file goes."""
    found = []
    for path in folder.glob("carrier_*_rtt.csv"):
        for row in csv.reader(path.read_text().splitlines()[1:], delimiter=";"):
            if len(row) > 2 and row[2].strip() == "2":
                found.append(float(row[1]))
        path.unlink()
    return found


def report(bar: str, figure: float, unit: str, goal: float, floor: float | None = None, well: bool = True) -> None:
    ratio = round(figure / floor, 2) if floor else None
    row = {"bar": bar, "figure": round(figure, 3), "unit": unit, "goal": goal, "floor": floor, "ratio": ratio}
    print(json.dumps({**row, "holds": figure <= goal and well}), flush=True)


def main() -> int:
    edge = EdgeUnderTest(children=4, private_mb=64)
    enter = ("nsenter", f"--net=/proc/{edge.namespace}/ns/net")
    try:
        edge.start()
        prepare(edge)
        with running(FOLDER, Place(calls=CALLS, edge=EDGE, edge_port=5080, enter=enter)) as stack:
            slow = load_run(stack, edge, enter, rate=50, calls=500)
            fast = load_run(stack, edge, enter, rate=RATE, calls=10 * RATE)
    finally:
        edge.close()
    print(json.dumps({"50/s": slow, f"{RATE}/s": fast}), file=sys.stderr)
    path = fast["edge"] + fast["calls"] + fast["rtpengine"] + fast["journal"]
    failed = int(fast["bad"])
    unit = f"ms CPU a call at {RATE}/s, {failed} failed: edge {fast['edge']:.2f}, calls {fast['calls']:.2f}, "
    unit += f"relay {fast['rtpengine']:.2f}, drainer {fast['journal']:.2f}"
    report("B1 whole path", path, unit, 2.5, 3.3, not failed)
    report("B13 ring p50", slow["p50"], f"ms INVITE to 180 at 50/s, {int(slow['bad'])} failed", 15.0)
    report("B13 ring p99", slow["p99"], "ms, the same", 60.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
