"""B14: 50 calls a second for ten minutes, over the whole path on two cores, and SIGKILL of each of our processes in it.

Thirty a second ring a device through the relay and are hung up at once; twenty a second hear a menu of the engine for
10 s, 200 of them at any time, and their sound is sent back to it (SIPp's echo). Told are the calls that did not go as
they should, the memory of pbx-calls at the second minute and at the end, and the cores that the path took. Then the
same load for a while with pbx-calls, pbx-media, the drainer, Kamailio and rtpengine (with Redis) killed, each
in turn, and started at once as systemd would: how many calls were lost with each, and whether each call has its record.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).parent))

from local_stack import EXAMPLES, document_of
from unit.edge.edge_under_test import CARRIER, EDGE, PHONE
from whole_path import MENU_NUMBER, PHONE_NUMBER, SCENARIOS, WholePath, whole_path

from pbx.store import database

FOLDER = Path("/tmp/pbx-bench-sustained")
SHORT, LONG, HEARD = 30, 20, 10.0  # calls a second, and the seconds of sound of the second kind
SETTLED = 120.0  # seconds until timers, pools and rings of buffers are full
WORD = {"calls": "pbx-calls", "media": "pbx-media", "journal": "the drainer", "edge": "Kamailio"}
KILLED = ("calls", "media", "journal", "edge", "rtpengine")
MIB = 1024 * 1024


def document() -> dict[str, Any]:
    """The example, each prompt a tone that outlasts the call."""
    found = document_of(EXAMPLES)
    plain = found["tenants"]["romashka"]["plain"]
    for prompt in plain["prompts"].values():
        for said in prompt.values():
            said["audio"] = "tone.alaw"
    return found


@dataclass
class Load:
    """Two callers and the device that answers one of them."""

    path: WholePath
    seconds: float

    def start(self) -> None:
        folder = self.path.stack.folder
        menu = (SCENARIOS / "carrier.xml").read_text().replace(PHONE_NUMBER, MENU_NUMBER)
        (folder / "menu.xml").write_text(menu.replace("m=audio 6000", "m=audio [media_port]"))
        short, long = int(SHORT * self.seconds), int(LONG * self.seconds)
        self._device = self._sipp(SCENARIOS / "device.xml", PHONE, "5060")
        target = f"{EDGE}:5060"
        calls = ("-r", str(SHORT), "-m", str(short), "-d", "300", "-recv_timeout", "8000")
        self._short = self._sipp(SCENARIOS / "carrier.xml", CARRIER, "5060", target, *calls, *self._outcome("short"))
        calls = ("-r", str(LONG), "-m", str(long), "-d", str(int(HEARD * 1000)), "-recv_timeout", "8000")
        sound = ("-rtp_echo", "-mi", CARRIER, "-mp", "20000")
        self._long = self._sipp(folder / "menu.xml", CARRIER, "5070", target, *calls, *sound, *self._outcome("long"))
        self.wanted = short + long

    def _outcome(self, name: str) -> tuple[str, ...]:
        return "-trace_stat", "-stf", str(self.path.stack.folder / f"{name}.csv"), "-fd", "5"

    def _sipp(self, scenario: Path, address: str, port: str, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.path.enter, "sipp", "-sf", str(scenario), "-i", address, "-p", port, "-l", "3000", "-nostdin",
             *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.path.stack.folder)  # fmt: skip

    def end(self) -> int:
        """Wait for the last call; the number of those that ended well."""
        for caller in (self._short, self._long):
            caller.wait(self.seconds + 120)
        self._device.terminate()
        self._device.wait(10)
        return sum(self._good(name) for name in ("short", "long"))

    def _good(self, name: str) -> int:
        lines = (self.path.stack.folder / f"{name}.csv").read_text().splitlines()
        return int(list(csv.DictReader(lines, delimiter=";"))[-1]["SuccessfulCall(C)"])


def report(what: str, figure: float, unit: str, goal: float) -> None:
    row = {"bar": f"B14 {what}", "figure": round(figure, 2), "unit": unit, "goal": goal, "floor": None, "ratio": None}
    print(json.dumps({**row, "holds": figure <= goal}), flush=True)


def sustained(path: WholePath, seconds: float) -> None:
    load = Load(path, seconds)
    load.start()
    began, before, settled = time.monotonic(), path.cpu(), 0.0
    while time.monotonic() - began < seconds:
        time.sleep(min(5.0, seconds / 4))
        if not settled and time.monotonic() - began >= min(SETTLED, seconds / 2):
            settled = path.stack.rss("calls") / MIB
    took = time.monotonic() - began
    after, last = path.cpu(), path.stack.rss("calls") / MIB
    good = load.end()
    cores = {name: (after[name] - before[name]) / took for name in after}
    split = ", ".join(f"{name} {used:.2f}" for name, used in cores.items())
    minutes = f"{seconds / 60:.0f} minutes at {SHORT + LONG}/s"
    report("failed", load.wanted - good, f"of {load.wanted} calls in {minutes} (load {os.getloadavg()[0]:.1f})", 0)
    report("growth", last - settled, f"MiB of pbx-calls from the second minute on, {last:.0f} in the end", 5)
    report("cores", sum(cores.values()), f"cores: {split}", 2)


def killed(path: WholePath, name: str, seconds: float) -> None:
    load = Load(path, seconds)
    since = int(time.time() * 1000)
    load.start()
    time.sleep(seconds / 2)
    kill(path, name)
    good = load.end()
    rows, still_open = records(path, since, load.wanted)
    lost = load.wanted - good
    unit = (
        f"of {load.wanted} calls were lost, {WORD.get(name, name)} killed in the middle; "
        f"{rows} records, {still_open} of them open"
    )
    report(f"{name} killed", lost, unit, 0)


def kill(path: WholePath, name: str) -> None:
    """SIGKILL, and what systemd does then."""
    if name == "edge":
        path.edge.kill()
        path.edge.start()
        return
    process = path.stack.processes[name]
    process.kill()
    process.wait()
    path.stack.start(name)


def records(path: WholePath, since: int, wanted: int) -> tuple[int, int]:
    """Records of calls since then, and how many of them are open, as soon as all are there; after 10 s as they are."""
    sql = "SELECT count(*), count(*) - count(ended) FROM cdr WHERE started >= :since"
    db = database.connect(path.stack.folder / "store.sqlite", create=False)
    deadline = time.monotonic() + 10
    while True:
        rows, still_open = db.execute(sql, {"since": since}).fetchone()
        if (rows >= wanted and not still_open) or time.monotonic() > deadline:
            db.close()
            return rows, still_open
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--kill-seconds", type=float, default=40)
    parser.add_argument("--kill", nargs="*", choices=KILLED, default=KILLED)
    arguments = parser.parse_args()
    tone = bytes(8000 * 12)
    with whole_path(FOLDER, document=document(), audio={"tone.alaw": tone}, redis=True) as path:
        path.load("carrier", rate=50, calls=100)
        if arguments.seconds:
            sustained(path, arguments.seconds)
        for name in arguments.kill:
            killed(path, name, arguments.kill_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
