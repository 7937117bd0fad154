"""pbx-calls with its real neighbours on loopback: rtpengine and the media engine; SIPp plays the edge on both sides.

A folder of its own holds every file; each process is ended by its pid. Used by the benchmarks of signalling.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx.model.load import load

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
HOST = "127.0.0.1"
CALLS_PORT, EDGE_PORT, NG_PORT, MEDIA_PORT, REDIS_PORT = 25070, 25080, 22223, 24100, 26379
CLI_PORT, AGENT_PORT, DIGITS_PORT = 22224, 22225, 22226
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Stack:
    """The running processes by name."""

    folder: Path
    enter: tuple[str, ...] = ()  # the words that enter their namespace
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sockets: list[socket.socket] = field(default_factory=list)  # of the relay's agent, as systemd would keep them

    def start(self, name: str, *command: str) -> None:
        """Start a process, or one that ended again."""
        self.commands[name] = command = command or self.commands[name]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OPENBLAS_NUM_THREADS": "1"}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*self.enter, *command], stdout=log, stderr=log, env=environment, cwd=self.folder,
                pass_fds=[one.fileno() for one in self.sockets] if name == "relay" else (),
            )  # fmt: skip

    def cpu(self, name: str) -> float:
        """CPU seconds, user and system, of a process and its threads."""
        fields = Path(f"/proc/{self.processes[name].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss(self, name: str) -> int:
        """Resident bytes."""
        fields = Path(f"/proc/{self.processes[name].pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def ask(self, command: str, *, on: str = "control", **more: object) -> dict[str, Any]:
        """One command to a socket of pbx-calls, `control` or `api`. Raises OSError while it does not serve."""
        return next(self.told(command, on=on, **more))

    def told(self, command: str, *, on: str = "api", within: float = 5, **more: object) -> Iterator[dict[str, Any]]:
        """The answer to a command and, of a stream, what follows; raises TimeoutError when nothing does in time."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(within)
            sock.connect(str(self.folder / f"{on}.sock"))
            sock.sendall(json.dumps({"id": 1, "cmd": command, **more}).encode() + b"\n")
            with sock.makefile("rb") as answers:
                while line := answers.readline():
                    yield json.loads(line)

    def wait_for_redis(self, seconds: float = 5) -> None:
        """Until Redis answers: an rtpengine that starts before it does without it for a while."""
        ping = [*self.enter, "redis-cli", "-h", HOST, "-p", str(REDIS_PORT), "ping"]
        deadline = time.monotonic() + seconds
        while subprocess.run(ping, capture_output=True, check=False).stdout.strip() != b"PONG":
            if time.monotonic() > deadline:
                raise TimeoutError("Redis does not answer")

    def wait_until_served(self, seconds: float = 15) -> None:
        """Until pbx-calls answers `status`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                self.ask("status")
                return
            if (code := self.processes["calls"].poll()) is not None:
                raise RuntimeError(f"pbx-calls ended with {code}: {(self.folder / 'calls.log').read_text()[-2000:]}")
            time.sleep(0.005)
        raise TimeoutError("pbx-calls does not answer")


WRITES_DOWN = """
import json, sys, wave
with wave.open(sys.stdin.buffer) as said:
    print(json.dumps({"text": f"{sys.argv[1]}: {round(said.getnframes() / 8000)} s"}))
"""  # knows no words, and says how many it heard


@dataclass(frozen=True, slots=True)
class Place:
    """Where the processes stand: the address of pbx-calls, the edge it talks to, and how to enter their namespace."""

    calls: str = HOST
    edge: str = HOST
    edge_port: int = EDGE_PORT
    enter: tuple[str, ...] = ()
    host: str = HOST  # of the relay and the engine


def document_of(model: Path) -> dict[str, Any]:
    """What an apply would give pbx-calls, without limits."""
    loaded = load(model)
    tenants = {
        name: {"revision": loaded.revisions[name], "plain": {**plain, "tenant": {**plain["tenant"], "max_calls": None}}}
        for name, plain in loaded.tenant_plain.items()
    }
    if model == EXAMPLES:  # a number that leads to one phone
        tenants["romashka"]["plain"]["numbers"]["+74951000113"]["to"] = "user/petrova"
    site = {"plain": loaded.site_plain}
    return {"format": 1, "site_revision": loaded.site_revision, "tenants": tenants, "site": site}


def _configs(
    folder: Path,
    place: Place,
    document: dict[str, Any],
    audio: Mapping[str, bytes],
    secrets: Mapping[str, str],
    recogniser: Mapping[str, Any] | None,
) -> tuple[Path, Path]:
    calls, media = folder / "calls.json", folder / "media.json"
    understands = {"socket": str(folder / "recogniser.sock"), "deadline": 1.5, "at_once": 4, "engine": recogniser}
    (folder / "prompts").mkdir()
    for name, sound in audio.items():
        (folder / "prompts" / name).write_bytes(sound)
    (folder / "document.json").write_text(json.dumps(document))
    (folder / "secrets.json").write_text(
        json.dumps({"sound_key": "of a stack on one machine, for as long as it runs", **secrets})
    )
    media.write_text(
        json.dumps({"name": "bench", "instance": 1, "address": place.host, "port": MEDIA_PORT,
                    "socket": str(folder / "media.sock"), "prompts": str(folder / "prompts"), "tones": "RU",
                    "recordings": str(folder / "heard")})
    )  # fmt: skip
    calls.write_text(
        json.dumps({
            "name": "bench", "instance": 1, "listen": place.calls, "port": CALLS_PORT,
            "edges": [{"name": "edge1", "address": place.edge, "port": place.edge_port}],
            "relays": [{"name": "relay1", "address": place.host, "port": NG_PORT, "digits": AGENT_PORT}],
            "media": {"socket": str(folder / "media.sock"), "address": place.host, "port": MEDIA_PORT},
            "control": str(folder / "control.sock"), "api": str(folder / "api.sock"),
            "journal": str(folder / "journal"),
            "store": str(folder / "store.sqlite"), "prompts": str(folder / "prompts"),
            **({"recogniser": understands} if recogniser else {}),
            "document": str(folder / "document.json"), "secrets": str(folder / "secrets.json"),
            "spool": str(folder / "rooms"),
            "transcription": {"command": [sys.executable, "-c", WRITES_DOWN, "{language}"], "within": 20},
        })
    )  # fmt: skip
    (folder / "spool").mkdir(mode=0o700)
    (folder / "relay.json").write_text(
        json.dumps({
            "digits": {"address": place.host, "port": DIGITS_PORT},
            "calls": {"address": place.host, "port": AGENT_PORT},
            "control": str(folder / "relay.sock"),
            "recording": {
                "spool": str(folder / "spool"),
                "ng": {"address": place.host, "port": NG_PORT}, "cli": {"address": place.host, "port": CLI_PORT},
            },
        })
    )  # fmt: skip
    return calls, media


def _start_agent(stack: Stack, place: Place) -> None:
    """pbx-relay, whose sockets stay when it is killed."""
    for address in ((place.host, DIGITS_PORT), (place.host, AGENT_PORT)):
        stack.sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        stack.sockets[-1].bind(address)
    handed = [str(ROOT / "tests/bench/hand_over.py"), *(str(one.fileno()) for one in stack.sockets), "--"]
    agent = [sys.executable, "-m", "pbx.server.relay", "--config", str(stack.folder / "relay.json")]
    stack.start("relay", sys.executable, *handed, *agent)


@contextlib.contextmanager
def running(
    folder: Path,
    place: Place = Place(),
    model: Path = EXAMPLES,
    *,
    document: dict[str, Any] | None = None,
    audio: Mapping[str, bytes] | None = None,
    secrets: Mapping[str, str] | None = None,
    redis: bool = False,
    recogniser: Mapping[str, Any] | None = None,
) -> Iterator[Stack]:
    """Start rtpengine, the engine, pbx-calls and the drainer; end them at the end. `document` in place of a model,
    `audio` by file name, `secrets` as an apply brings them; with `redis` the relay's sessions outlive it, as on a host.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    calls, media = _configs(folder, place, document or document_of(model), audio or {}, secrets or {}, recogniser)
    stack = Stack(folder, place.enter)
    try:
        if not place.enter:
            _start_agent(stack, place)
        if redis:
            stack.start("redis", "redis-server", "--port", str(REDIS_PORT), "--bind", HOST, "--save", "")
            stack.wait_for_redis()
        kept = (f"--redis={HOST}:{REDIS_PORT}/1", "--no-redis-required") if redis else ()
        stack.start("rtpengine", "rtpengine", "--config-file=none", "--foreground", "--log-stderr",
              "--log-level=4", "--table=-1",
              f"--interface={place.host}", f"--listen-ng={place.host}:{NG_PORT}",
              f"--listen-cli={place.host}:{CLI_PORT}",
              "--port-min=40000", "--port-max=59999", "--delete-delay=0", f"--dtmf-log-dest={place.host}:{DIGITS_PORT}",
              "--recording-method=pcap", "--recording-format=eth", f"--recording-dir={folder}/spool",
              "--num-threads=2", f"--pidfile={folder}/rtpengine.pid", *kept)  # fmt: skip
        stack.start("media", sys.executable, "-m", "pbx.server.media", "--config", str(media))
        if recogniser is not None:
            stack.start("recogniser", sys.executable, "-m", "pbx.server.recogniser", "--config", str(calls))
        stack.start("calls", sys.executable, "-m", "pbx.server.calls", "--config", str(calls))
        stack.start("journal", sys.executable, "-m", "pbx.server.journal", "--config", str(calls))
        stack.wait_until_served()
        yield stack
    finally:
        for process in stack.processes.values():
            process.terminate()
        for process in stack.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        for one in stack.sockets:
            one.close()
