"""B4: what recording costs a relayed call, in CPU per call and 20 ms: rtpengine's, and the agent's that makes the file.

The same calls of two G.711 parties go through one rtpengine all the time; they are recorded and not recorded in turns,
so that both are measured in the same minute. Then the recordings are made out of what was written.

    python tests/bench/recording.py [--calls 40] [--seconds 10] [--turns 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pbx.media.ng import NgClient, NgTimeout
from pbx.media.relay import RelaySession
from pbx.server import cutting

NG_PORT = 46310
FRAME = 0.02
HOST = "127.0.0.1"


def start_rtpengine(spool: Path) -> subprocess.Popen[bytes]:
    command = [
        "rtpengine", "--foreground", "--log-stderr", "--config-file=none", "--table=-1", f"--interface={HOST}",
        f"--listen-ng={HOST}:{NG_PORT}", "--port-min=50000", "--port-max=54999", "--num-threads=2", "--log-level=4",
        "--delete-delay=0", "--recording-method=pcap", "--recording-format=eth", f"--recording-dir={spool}",
        f"--pidfile={spool}.pid",
    ]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def sdp(port: int) -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
    ).encode()


def port_of(body: bytes) -> int:
    return int(body.partition(b"m=audio ")[2].split()[0])


def speak(ports: list[int], targets: list[int]) -> None:
    """A process of its own: 50 packets a second from each of these ports, for as long as it lives. What comes back is
    not read."""
    sockets = []
    for port in ports:
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        sockets[-1].bind((HOST, port))
    due, number = time.monotonic(), 0
    while True:
        for leg, (sock, target) in enumerate(zip(sockets, targets, strict=True)):
            head = struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, number * 160 & 0xFFFFFFFF, leg + 1)
            sock.sendto(head + b"\x2a" * 160, (HOST, target))
        number, due = number + 1, due + FRAME
        time.sleep(max(0.0, due - time.monotonic()))


def busy(pid: int) -> float:
    """CPU seconds of a process, all its threads (schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


async def measure(calls: int, seconds: float, turns: int, spool: Path) -> None:
    rtpengine = start_rtpengine(spool)
    client = NgClient()
    await client.connect(HOST, NG_PORT)
    speaking = None
    try:
        while True:
            try:
                await client.command("ping")
                break
            except NgTimeout:
                continue
        sessions = [RelaySession(client, f"b4-{number}") for number in range(calls)]
        ports, targets = [], []
        for number, session in enumerate(sessions):
            a, b = 20000 + 4 * number, 20002 + 4 * number
            to_b = await session.offer("A", "B1", sdp(a))
            to_a = await session.answer("A", "B1", sdp(b))
            ports += [a, b]
            targets += [port_of(to_a), port_of(to_b)]
        words = [json.dumps(each) for each in (ports, targets)]
        speaking = subprocess.Popen(  # noqa: ASYNC220 (begun before anything is measured)
            [sys.executable, __file__, "--speak", *words]
        )
        await asyncio.sleep(1)
        plain, recorded, last = [], [], 0.0
        for _ in range(turns):
            for on, found in ((False, plain), (True, recorded)):
                last = time.time()
                for session in sessions:
                    await session.record(on)
                before, began = busy(rtpengine.pid), time.monotonic()
                await asyncio.sleep(seconds)
                found.append((busy(rtpengine.pid) - before) / (time.monotonic() - began) * FRAME / calls * 1e6)
        for session in sessions:
            await session.delete()
        more = [one - other for one, other in zip(recorded, plain, strict=True)]
        making = make(spool, targets, calls, last)
        tell("rtpengine, of a call that is not recorded", statistics.median(plain))
        tell("rtpengine more, while it is recorded", statistics.median(more))
        tell("pbx-relay, making the file", making)
        tell("both", statistics.median(more) + making, goal=10.0)
    finally:
        client.close()
        for process in (speaking, rtpengine):
            if process is not None:
                process.terminate()
                process.wait()


def make(spool: Path, targets: list[int], calls: int, began: float) -> float:
    """Make all recordings of the last turn; microseconds of CPU for 20 ms of a call."""
    for name in ("tapes", "finished"):
        (spool / name).mkdir()
    cutting.set_aside(spool)
    length = 0.0
    used = time.process_time()
    for number in range(calls):
        newest = max((spool / "tapes").glob(f"b4-{number}-*.pcap"), key=lambda path: path.stat().st_mtime)
        for other in (spool / "tapes").glob(f"b4-{number}-*.pcap"):
            if other != newest:
                other.unlink()
        about = {"call_id": f"{number}", "tenant": "t", "direction": "internal", "caller": "1", "called": "2",
                 "people": []}  # fmt: skip
        line = {
            "at": began * 1000, "is": "on", "left": {str(targets[2 * number]): {"8": "PCMA"}},
            "right": {str(targets[2 * number + 1]): {"8": "PCMA"}}, "about": about,
            "policies": {"p": {"announced": False, "store": "local", "retain": None, "listen": []}},
        }  # fmt: skip
        over = {**line, "is": "over", "at": time.time() * 1000}
        told = b"\n".join(json.dumps({"number": n, **each}).encode() for n, each in enumerate((line, over), 1))
        (spool / "tapes" / f"b4-{number}.jsonl").write_bytes(told)
        (made,) = cutting.make(spool, f"b4-{number}")
        length += (newest.stat().st_size - 24) / 230 / 2 * FRAME  # of the packets; the rest of the file is silence
        shutil.rmtree(spool / "finished" / made)
    return (time.process_time() - used) / length * FRAME * 1e6


def tell(what: str, value: float, *, goal: float | None = None) -> None:
    unit = f"µs of CPU per call and 20 ms: {what}"
    holds = value <= goal if goal is not None else None
    row = {"bar": "B4 relayed", "figure": round(value, 1), "unit": unit, "goal": goal, "floor": None, "ratio": None}
    print(json.dumps({**row, "holds": holds}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--speak", nargs=2)
    arguments = parser.parse_args()
    if arguments.speak:
        speak(*(json.loads(each) for each in arguments.speak))
    with tempfile.TemporaryDirectory(dir="/dev/shm", ignore_cleanup_errors=True) as folder:
        asyncio.run(measure(arguments.calls, arguments.seconds, arguments.turns, Path(folder)))


if __name__ == "__main__":
    main()
