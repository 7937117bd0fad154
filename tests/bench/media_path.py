"""B5: CPU of rtpengine and the engine together, per leg and 20 ms, phone → rtpengine → engine and back.

Each caller sends all the time and hears a prompt. PCMA and PCMU are told apart: neither may be transcoded. In the same
run, B13: mouth to ear through rtpengine and the engine's echo, and the gap in a caller's ear at a swap.

    python tests/bench/media_path.py [--legs 200] [--seconds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from media_load import CALLER_PORT, caller
from media_play import floor, hears, load, result, start_engine

from pbx.media import g711
from pbx.media.engine_client import EngineClient
from pbx.media.ng import NgClient, NgTimeout
from pbx.media.relay import RelaySession

NG_PORT = 46300
FRAME = 0.02


def sdp(address: str, port: int, payload: int) -> bytes:
    name = "PCMU" if payload == 0 else "PCMA"
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {payload} 101\r\n"
        f"a=rtpmap:{payload} {name}/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    ).encode()


def port_of(body: bytes) -> int:
    found = re.search(rb"m=audio (\d+)", body)
    assert found
    return int(found.group(1))


def start_rtpengine(folder: Path) -> subprocess.Popen[bytes]:
    config = folder / "rtpengine.conf"
    config.write_text(
        f"[rtpengine]\ntable = -1\ninterface = 127.0.0.1\nlisten-ng = 127.0.0.1:{NG_PORT}\n"
        "port-min = 20000\nport-max = 24999\nnum-threads = 2\ndelete-delay = 0\nlog-level = 4\n"
    )
    command = ["rtpengine", "--foreground", "--log-stderr", f"--config-file={config}"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def cpu_of(process: subprocess.Popen[bytes]) -> float:
    """Seconds of CPU of all its threads, by the scheduler's nanoseconds."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


class Path5:
    """Sessions on both ends, one per caller."""

    def __init__(self, ng: NgClient, engine: EngineClient) -> None:
        self.ng, self.engine = ng, engine
        self.sessions: dict[str, RelaySession] = {}

    async def connect(self, leg: str, address: str, port: int, payload: int) -> int:
        """A caller reaches the engine; returns the port it must send to."""
        session = self.sessions[leg] = RelaySession(self.ng, f"bench-{leg}")
        offered = await session.offer("A", "E1", sdp(address, port, payload), toward="engine")
        remote = ("127.0.0.1", port_of(offered))
        await self.engine.add_leg(leg, remote=remote, payload=payload, event_payload=101)
        host, engine_port = self.engine.address
        return port_of(await session.answer("A", "E1", sdp(host, engine_port, payload)))

    async def disconnect(self) -> None:
        for leg, session in self.sessions.items():
            await self.engine.remove_leg(leg)
            await session.delete()
        self.sessions.clear()


async def cost(
    path: Path5, folder: Path, rtpengine: subprocess.Popen[bytes], payload: int, legs: int, seconds: float
) -> tuple[float, float]:
    """µs per leg and tick of (rtpengine, engine)."""
    ports = [await path.connect(f"{n}", caller(n), CALLER_PORT, payload) for n in range(legs)]
    for number in range(legs):
        await path.engine.play(str(number), [{"file": "0.alaw"}], loop=True)
    (folder / "ports.json").write_text(json.dumps(ports))
    callers = load("callers", "127.0.0.1", folder / "ports.json", legs, seconds + 1.5, payload)
    await hears(path.engine, legs)
    before, relay_before = await path.engine.status(), cpu_of(rtpengine)
    await asyncio.sleep(seconds)
    after, relay_after = await path.engine.status(), cpu_of(rtpengine)
    heard = await asyncio.to_thread(result, callers)
    frames = (int(after["ticks"]) - int(before["ticks"])) * legs
    assert int(after["received"]) - int(before["received"]) > 0.9 * frames, "the engine did not hear the callers"
    assert heard["heard"] > 0.8 * frames, "the callers did not hear the engine"
    await path.disconnect()
    return (relay_after - relay_before) * 1e6 / frames, (after["cpu"] - before["cpu"]) * 1e6 / frames


class Ear(asyncio.DatagramProtocol):
    """One phone that notes when sound comes: (time, SSRC, whether it is silence)."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes, bool]] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append((time.monotonic(), data[8:12], data[12:] == bytes([g711.ALAW_SILENCE]) * 160))


class Mouth:
    """Sends a frame each 20 ms: loud or silent."""

    def __init__(self, transport: asyncio.DatagramTransport, port: int, ssrc: int) -> None:
        self._transport, self._to, self._ssrc = transport, ("127.0.0.1", port), ssrc
        self.loud = False
        self._number = 0

    async def run(self) -> None:
        due = time.monotonic()
        while True:
            self.send()
            due += FRAME
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def send(self) -> None:
        self._number += 1
        head = b"\x80\x08" + self._number.to_bytes(2) + (self._number * 160).to_bytes(4) + self._ssrc.to_bytes(4)
        self._transport.sendto(head + (b"\x00" if self.loud else b"\xd5") * 160, self._to)


async def phone(path: Path5) -> tuple[Ear, Mouth, int]:
    ear = Ear()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=("127.0.0.1", 0))
    port = int(transport.get_extra_info("sockname")[1])
    to = await path.connect("phone", "127.0.0.1", port, 8)
    return ear, Mouth(transport, to, 1), port


async def mouth_to_ear(path: Path5) -> list[float]:
    """ms from the beginning of a spoken frame (20 ms before it is sent) to its end at the ear, by echo, 25 times."""
    ear, mouth, _ = await phone(path)
    await path.engine.echo("phone")
    sending = asyncio.create_task(mouth.run())
    delays = []
    for _ in range(25):
        await asyncio.sleep(0.15)
        mark, mouth.loud = len(ear.heard), True
        mouth.send()
        spoken = time.monotonic()
        mouth._number -= 1  # it took the place of the next one
        await asyncio.sleep(0.2)
        mouth.loud = False
        delays.append((next(at for at, _, silent in ear.heard[mark:] if not silent) - spoken + FRAME) * 1000)
        await asyncio.sleep(0.2)
    sending.cancel()
    await path.disconnect()
    return delays


async def swap_gaps(path: Path5) -> list[float]:
    """Longest ms between packets at the caller's ear as the engine gives way to a phone and comes back, 20 times."""
    ear, mouth, port = await phone(path)
    other = Ear()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: other, local_addr=("127.0.0.1", 0))
    other_port = int(transport.get_extra_info("sockname")[1])
    session, mine, theirs = path.sessions["phone"], sdp("127.0.0.1", port, 8), sdp("127.0.0.1", other_port, 8)
    host, engine_port = path.engine.address
    sending = asyncio.create_task(mouth.run())
    gaps = []
    for number in range(20):
        await asyncio.sleep(0.1)
        mark = len(ear.heard)
        if number % 2 == 0:
            to = port_of(await session.offer("A", "B1", mine))
            speaker = asyncio.create_task(Mouth(transport, to, 2).run())
            await session.answer("A", "B1", theirs)
            await path.engine.remove_leg("phone")
        else:
            remote = ("127.0.0.1", port_of(await session.offer("A", "E1", mine, toward="engine")))
            await path.engine.add_leg("phone", remote=remote, payload=8, event_payload=101)
            await session.answer("A", "E1", sdp(host, engine_port, 8))
            await session.delete_branch("A", "B1")
            speaker.cancel()
        await asyncio.sleep(0.15)
        times = [at for at, _, _ in ear.heard[mark - 1 :]]
        gaps.append(max(b - a for a, b in itertools.pairwise(times)) * 1000)
    sending.cancel()
    await path.disconnect()
    transport.close()
    return gaps


async def measure(folder: Path, rtpengine: subprocess.Popen[bytes], legs: int, seconds: float) -> list[dict[str, Any]]:
    engine, ng = EngineClient("bench"), NgClient()
    assert await engine.connect(str(folder / "control.sock"), wait=5)
    await ng.connect("127.0.0.1", NG_PORT)
    for _ in range(5):
        try:
            await ng.command("ping")
            break
        except NgTimeout:
            continue
    path = Path5(ng, engine)
    rows: list[dict[str, Any]] = []
    low = await asyncio.to_thread(floor, legs, seconds)
    for payload, name in ((8, "PCMA"), (0, "PCMU")):
        relay, ours = await cost(path, folder, rtpengine, payload, legs, seconds)
        total = relay + ours
        unit = f"µs per leg per 20 ms, {name}, {legs} legs: rtpengine {relay:.1f} + engine {ours:.1f}"
        rows.append(row("B5", total, unit, 20.0, low))
    rows.append(row("B13", statistics.median(await mouth_to_ear(path)), "ms mouth to ear by the echo, median", 80.0))
    rows.append(row("B13", statistics.median(await swap_gaps(path)), "ms between packets at a swap, median", 40.0))
    await engine.close()
    return rows


def row(bar: str, figure: float, unit: str, goal: float, low: float | None = None) -> dict[str, Any]:
    ratio = None if low is None else round(figure / low, 2)
    return {
        "bar": bar, "figure": round(figure, 2), "unit": unit, "goal": goal,
        "floor": low and round(low, 2), "ratio": ratio, "holds": figure <= goal,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wave = 8000 * np.sin(2 * np.pi * 440 / 8000 * np.arange(8000 * 5))
        (folder / "0.alaw").write_bytes(g711.to_alaw(wave.astype(np.int16)).tobytes())
        processes = [start_rtpengine(folder), start_engine(folder)]
        try:
            for line in asyncio.run(measure(folder, processes[0], arguments.legs, arguments.seconds)):
                print(json.dumps(line, ensure_ascii=False))
        finally:
            for process in processes:
                process.terminate()
                process.wait(10)


if __name__ == "__main__":
    main()
