"""B1 and B13 over the whole path: caller → edge → pbx-calls → edge → device, with rtpengine, journal and records.

A real Kamailio with the role's configuration and all the rest stand in a network namespace of their own. SIPp plays
the device that answers and the caller, once as a carrier (known by its address), once as a device (known by digest):
300 calls a second for 10 s, each held 0.3 s. CPU is user + system of every process of the path by /proc, divided by
the calls that ended well, the median of three runs; SIPp's is not counted. The delay to the first ring is INVITE sent
to 180 received at 50 calls a second, from SIPp's log of messages.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).parent))

from edge_register import cpu_seconds
from full_edge import FullEdge
from local_stack import CALLS_PORT, Place, Stack, running
from unit.edge.edge_under_test import CALLS, CARRIER, EDGE, PHONE, PHONE_2
from unit.edge.module_runs import run

from pbx.calls.live.serving import token_of

SCENARIOS = Path(__file__).parent / "scenarios"
FOLDER = Path("/tmp/pbx-bench-whole-path")
RATE, SECONDS, RUNS = 300, 10, 3
REALM, PASSWORD = "romashka.example", "bench"  # the password of scenarios/device_caller.xml
PEER = 3.3  # ms, Asterisk 22 alone
NUMBERS = (PHONE_NUMBER, MENU_NUMBER) = ("74951000113", "74951000114")
ADDRESS_OF = {"carrier": CARRIER, "device_caller": PHONE_2}

Figures = dict[str, float]


class WholePath:
    """The running path: what its processes used, and loads upon it."""

    def __init__(self, edge: FullEdge, stack: Stack, enter: tuple[str, ...]) -> None:
        self.edge, self.stack, self.enter = edge, stack, enter

    def cpu(self) -> Figures:
        """CPU seconds by process."""
        assert self.edge.process is not None
        used = {name: self.stack.cpu(name) for name in self.stack.processes}
        return {**used, "edge": cpu_seconds(self.edge.process.pid)}

    def load(self, caller: str, *, rate: int, calls: int, timed: bool = False) -> Figures:
        """One run: CPU milliseconds a call by process, and calls `good` and `bad`; `timed` leaves SIPp's log."""
        outcome = self.stack.folder / "outcome.csv"
        device = self._sipp("device", PHONE, calls)
        before = self.cpu()
        log = ("-trace_shortmsg", "-shortmessage_file", str(self.messages)) if timed else ()
        self._sipp(
            caller, ADDRESS_OF[caller], calls, f"{EDGE}:5060", "-r", str(rate), "-d", "300", "-l", "3000",
            "-trace_stat", "-stf", str(outcome), "-fd", "1", *log,
        ).wait(240)  # fmt: skip
        time.sleep(0.5)  # the last timers and the drainer's last batch belong to the run
        after = self.cpu()
        device.terminate()
        device.wait(10)
        last = list(csv.DictReader(outcome.read_text().splitlines(), delimiter=";"))[-1]
        good, bad = int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
        used = {name: 1000 * (after[name] - before[name]) / max(1, good) for name in after}
        return {**used, "good": good, "bad": bad + calls - good - bad, "load": os.getloadavg()[0]}

    @property
    def messages(self) -> Path:
        return self.stack.folder / "messages.csv"

    def _sipp(self, scenario: str, address: str, calls: int, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.enter, "sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", address, "-p", "5060",
             "-m", str(calls), "-nostdin", "-timeout", "120", *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.stack.folder)  # fmt: skip


@contextlib.contextmanager
def whole_path(folder: Path = FOLDER, **more: Any) -> Iterator[WholePath]:
    """Start all of it, with what an apply would have written and one registered device; `more` as of `running`."""
    edge = FullEdge(children=4, private_mb=64)
    enter = ("nsenter", f"--net=/proc/{edge.namespace}/ns/net")
    try:
        edge.start()
        know(edge)
        with running(folder, Place(calls=CALLS, edge=EDGE, edge_port=5080, enter=enter), **more) as stack:
            yield WholePath(edge, stack, enter)
    finally:
        edge.close()


def know(edge: FullEdge) -> None:
    """What an apply writes, by our modules: in the running edge and where it looks when it is started again."""
    document = {
        "format": 1, "server": "edge1", "role": "edge",
        "htables": {
            "domain": {REALM: "romashka"},
            "did": {f"e164_digits/{number}": "romashka" for number in NUMBERS},
            "owner": {"romashka": f"sip:{CALLS}:{CALLS_PORT}"},
            "token": {token_of("romashka"): "romashka"},
        },
        "ha1": {f"ivanov-desk@{REALM}": {"secret": "desk"}},
        "addresses": [
            {"group": 1, "ip": CARRIER, "mask": 32, "port": 0, "tag": "mtt/e164_digits"},
            {"group": 2, "ip": CALLS, "mask": 32, "port": 0, "tag": "calls1"},
        ],
    }  # fmt: skip
    secrets = {"desk": hashlib.md5(f"ivanov-desk:{REALM}:{PASSWORD}".encode()).hexdigest()}
    for name, content in (("edge.json", document), ("edge.secrets.json", secrets)):
        (edge.folder / name).write_text(json.dumps(content))
    given = {"document": str(edge.folder / "edge.json"), "run_dir": str(edge.run_dir)}
    tables = {"secrets": str(edge.folder / "edge.secrets.json"), "database": str(edge.database)}
    for module, more in (
        ("kamailio_htables", tables),
        ("kamailio_addresses", {"path": str(edge.folder / "pbx_addresses")}),
    ):
        result = run(module, **given, **more)
        if result.get("failed"):
            raise RuntimeError(result["msg"])
    contact = f"sip:petrova-desk@{PHONE}:5060"
    edge.rpc.call("ul.add", "location", f"petrova-desk@{REALM}", contact, 3600, 1.0, "0", 0, 0, 4294967295)


def delays(messages: Path) -> list[float]:
    """Milliseconds from a call's INVITE to its first 180, sorted; a line is date, time, seconds, S or R, Call-ID, CSeq,
    first line."""
    sent: dict[str, float] = {}
    rang: dict[str, float] = {}
    for line in messages.read_text().splitlines():
        _, _, at, _, call_id, _, first = line.split("\t")[:7]
        if first.startswith("INVITE"):
            sent.setdefault(call_id, float(at))
        elif first.startswith("SIP/2.0 180"):
            rang.setdefault(call_id, float(at))
    return sorted(1000 * (at - sent[call_id]) for call_id, at in rang.items())


def report(bar: str, figure: float, unit: str, goal: float, peer: float | None = None, well: bool = True) -> None:
    ratio = round(figure / peer, 2) if peer else None
    row = {"bar": bar, "figure": round(figure, 3), "unit": unit, "goal": goal, "floor": peer, "ratio": ratio}
    print(json.dumps({**row, "holds": figure <= goal and well}), flush=True)


def report_cost(bar: str, runs: list[Figures]) -> None:
    """The median run by the sum of the path's processes; every failed call of every run counts."""
    parts = ("edge", "calls", "rtpengine", "journal")
    run = sorted(runs, key=lambda one: sum(one[part] for part in parts))[len(runs) // 2]
    failed = int(sum(one["bad"] for one in runs))
    split = ", ".join(f"{part} {run[part]:.2f}" for part in parts)
    unit = f"ms CPU a call at {RATE}/s, {failed} failed: {split} (load average {run['load']:.1f})"
    report(bar, sum(run[part] for part in parts), unit, 2.5, PEER, not failed)


def main() -> int:
    with whole_path() as path:
        slow = path.load("carrier", rate=50, calls=500, timed=True)
        rings = delays(path.messages)
        carrier = [path.load("carrier", rate=RATE, calls=RATE * SECONDS) for _ in range(RUNS)]
        device = [path.load("device_caller", rate=RATE, calls=RATE * SECONDS) for _ in range(RUNS)]
    print(json.dumps({"50/s": slow, "carrier": carrier, "device": device}), file=sys.stderr)
    report_cost("B1 whole path", carrier)
    report_cost("B1 whole path, a device calls", device)
    failed = int(slow["bad"]) + 500 - len(rings)
    report("B13 ring p50", statistics.median(rings), f"ms INVITE to 180 at 50/s, {failed} failed", 15.0)
    report("B13 ring p99", rings[int(len(rings) * 0.99) - 1], "ms, the same", 60.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
