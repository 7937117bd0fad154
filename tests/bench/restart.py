"""B13: pbx-calls back in service after SIGTERM and after SIGKILL, with the reference model and with 10,000 users.

Counted from the signal, the 0.2 s that systemd waits included (RestartSec), until `status` answers and until a new call
rings: from then on a new INVITE goes out every 20 ms, and the first 180 counts.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from big_model import write
from local_stack import CALLS_PORT, EDGE_PORT, EXAMPLES, HOST, Stack, running

SCENARIOS = Path(__file__).parent / "scenarios"
FOLDER = Path("/tmp/pbx-bench-restart")
RESTART_SEC = 0.2  # of the unit
GOAL, RUNS, EVERY = 2.0, 3, 0.02
INVITE = (SCENARIOS / "uac.xml").read_text().split("<![CDATA[\n")[1].split("]]>")[0]
BIG = {"romashka.example": "big.example", "romashka": "big", "ivanov-desk": "user00001-desk", "202": "200002"}


class Prober:
    """Sends a new INVITE every 20 ms until one rings."""

    def __init__(self, words: dict[str, str]) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HOST, 0))
        self.sock.settimeout(EVERY)
        self.sent = 0
        head, _, body = INVITE.partition("\n\n")
        for old, new in words.items():
            head = head.replace(old, new)
        self._head, self._body = head, body.replace("[local_ip]", HOST).replace("\n", "\r\n")

    def until_it_rings(self, seconds: float = 20.0) -> float:
        """The moment of the first 180 of a call that was sent after this began."""
        first, end = self.sent, time.monotonic() + seconds
        due = 0.0
        while time.monotonic() < end:
            if time.monotonic() >= due:
                self._send()
                due = time.monotonic() + EVERY
            try:
                text = self.sock.recv(65535).decode()
            except TimeoutError:
                continue
            if text.startswith("SIP/2.0 180") and int(text.partition("probe-")[2].partition("-")[0]) > first:
                return time.monotonic()
        raise TimeoutError("no call rang")

    def _send(self) -> None:
        self.sent += 1
        words = {"transport": "UDP", "local_ip": HOST, "local_port": str(self.sock.getsockname()[1]),
                 "branch": f"z9hG4bK{os.getpid()}x{self.sent}", "pid": str(os.getpid()), "call_number": str(self.sent),
                 "call_id": f"probe-{self.sent}-{os.getpid()}", "len": str(len(self._body))}  # fmt: skip
        head = self._head
        for name, value in words.items():
            head = head.replace(f"[{name}]", value)
        text = head.replace("\n", "\r\n") + "\r\n\r\n" + self._body
        self.sock.sendto(text.encode(), (HOST, CALLS_PORT))


def restarted(stack: Stack, prober: Prober, how: signal.Signals) -> tuple[float, float]:
    """Seconds from the signal until `status` answers, and until a call rings."""
    process = stack.processes["calls"]
    began = time.monotonic()
    process.send_signal(how)
    process.wait(20)
    time.sleep(RESTART_SEC)
    stack.start("calls")
    stack.wait_until_served()
    served = time.monotonic()
    return served - began, prober.until_it_rings() - began


def measure(model: Path, words: dict[str, str], name: str) -> None:
    """Rows of one model, medians."""
    with running(FOLDER, model=model) as stack:
        uas = subprocess.Popen(
            ["sipp", "-sf", str(SCENARIOS / "uas.xml"), "-i", HOST, "-p", str(EDGE_PORT), "-nostdin"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=stack.folder)  # fmt: skip
        try:
            prober = Prober(words)
            prober.until_it_rings()
            for how in (signal.SIGTERM, signal.SIGKILL):
                runs = [restarted(stack, prober, how) for _ in range(RUNS)]
                served, rang = (statistics.median(run[index] for run in runs) for index in (0, 1))
                unit = f"s from {how.name} to the first ring, {name} (status answers after {served:.2f} s)"
                row = {"bar": "B13 restart", "figure": round(rang, 2), "unit": unit, "goal": GOAL, "floor": None}
                print(json.dumps({**row, "ratio": None, "holds": rang <= GOAL}), flush=True)
        finally:
            uas.kill()
            uas.wait()


def main() -> int:
    measure(EXAMPLES, {}, "the reference model")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        measure(Path(folder), BIG, "10,000 users")
    return 0


if __name__ == "__main__":
    sys.exit(main())
