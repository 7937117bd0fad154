"""Keepers as processes: one where calls are recorded, one that has the store; a spool, a store, and what is left."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pbx.media import recorded
from pbx.media.recorded import Recording
from pbx.server import keeper
from pbx.store import age, recordings
from pbx.store.database import Database
from pbx.store.places import sha256_of
from pbx.store.sqlite import Sqlite

ROOT = Path(__file__).parents[2]
SITE_SECRET = "a secret of the site that is long enough"
IDENTITY = age.Identity.of(SITE_SECRET)
SPOKEN = b"these words are spoken in clear "
WITHIN = 15.0  # seconds


def wav(seconds: float = 1.0) -> bytes:
    """Stereo A-law; the words are in it, so that what lies in clear is found."""
    sound = (SPOKEN * (int(seconds * 16000) // len(SPOKEN) + 1))[: int(seconds * 16000)]
    form = b"fmt " + (16).to_bytes(4, "little") + bytes.fromhex("0600 0200 401f0000 803e0000 0200 0800")
    chunks = b"WAVE" + form + b"data" + len(sound).to_bytes(4, "little") + sound
    return b"RIFF" + len(chunks).to_bytes(4, "little") + chunks


def about(name: str, **more: Any) -> Recording:
    """A call from outside to anna."""
    said: dict[str, Any] = {
        "tenant": "house", "call_id": f"call-{name}", "policy": "outside",
        "started": datetime(2026, 11, 30, 9, 0, tzinfo=UTC), "length": 1.0, "direction": "inbound",
        "caller": "+79161234567", "called": "+74951000100", "people": ("anna",), "announced": True,
        "listen": ("officer",),
    }  # fmt: skip
    return Recording(name, **{**said, **more})


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Place:
    """A host with the store; `relay` is one without, whose letters it takes."""

    folder: Path
    s3: dict[str, Any] | None = None
    store: Path | None = None  # default: one in the folder
    port: int = field(default_factory=free_port)
    asked: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("spool", "relay-spool", "kept"):
            (self.folder / name).mkdir(parents=True)
        secrets = {
            "recording_public": IDENTITY.public.hex(), "recording_keys": SITE_SECRET, "keeper_key": "k" * 32,
            "object_storage_access_key": "access", "object_storage_secret_key": "very secret",
        }  # fmt: skip
        (self.folder / "secrets.json").write_text(json.dumps(secrets))
        self.write()
        (self.folder / "relay.json").write_text(
            json.dumps({
                "spools": [f"{self.folder}/relay-spool"], "sealed": f"{self.folder}/relay-sealed",
                "to": [{"address": "127.0.0.1", "port": self.port}], "control": f"{self.folder}/relay.sock",
                "secrets": f"{self.folder}/secrets.json",
            })
        )  # fmt: skip

    @property
    def store_file(self) -> Path:
        return self.store or self.folder / "store.sqlite"

    def write(self) -> None:
        (self.folder / "keeper.json").write_text(
            json.dumps({
                "spools": [f"{self.folder}/spool"], "sealed": f"{self.folder}/sealed", "to": [],
                "control": f"{self.folder}/keeper.sock", "secrets": f"{self.folder}/secrets.json",
                "archive": {
                    "listen": {"address": "127.0.0.1", "port": self.port}, "socket": f"{self.folder}/asked.sock",
                    "store": str(self.store_file), "folder": f"{self.folder}/kept", "s3": self.s3,
                    "asked": {"address": "127.0.0.1", "port": self.asked},
                },
            })
        )  # fmt: skip

    def put(self, name: str, *, spool: str = "spool", seconds: float = 1.0, **more: Any) -> Recording:
        """A finished recording, as it comes from a call."""
        folder = recorded.begin(self.folder / spool, name)
        (folder / recorded.SOUND).write_bytes(wav(seconds))
        told = about(name, **{"length": seconds, **more})
        recorded.finish(folder, told)
        return told

    def start(self, which: str = "keeper") -> subprocess.Popen[bytes]:
        with (self.folder / f"{which}.log").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "pbx.server.keeper", "--config", f"{self.folder}/{which}.json"],
                stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": f"{ROOT}/src"},
            )  # fmt: skip
        self.processes.append(process)
        until(lambda: self.status(which), f"{which} serves: {self.log(which)}")
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def log(self, which: str = "keeper") -> str:
        return (self.folder / f"{which}.log").read_text()

    def status(self, which: str = "keeper") -> dict[str, Any] | None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
            sock.connect(f"{self.folder}/{which}.sock")
            sock.sendall(b'{"cmd": "status"}\n')
            found: dict[str, Any] = json.loads(sock.makefile("rb").readline())
            return found
        return None

    def ask(self, command: str, **more: Any) -> tuple[dict[str, Any], bytes]:
        """Of the keeper, as pbx-web does: the answer, and what was streamed, which must be whole."""
        by = {"author": "api console", "role": "admin", "address": "192.0.2.1"}
        with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rb") as answers:
            sock.settimeout(WITHIN)
            sock.connect(f"{self.folder}/asked.sock")
            sock.sendall(json.dumps({"cmd": command, "tenant": "house", "by": by, **more}).encode() + b"\n")
            answer = json.loads(answers.readline())
            said = b""
            if answer["ok"] and command in ("sound", "export"):
                while count := int.from_bytes(answers.read(4), "big"):
                    said += answers.read(count)
            return answer, said

    @contextlib.contextmanager
    def opened(self) -> Iterator[Database]:
        db = Sqlite(self.store_file)
        try:
            yield db
        finally:
            db.close()

    def row(self, name: str, tenant: str = "house") -> dict[str, Any] | None:
        with self.opened() as db:
            return recordings.one(db, tenant, name)

    def events(self, name: str) -> list[str]:
        with self.opened() as db:
            return [event["what"] for event in recordings.events(db, "house", name, most=100)][::-1]

    def objects(self) -> list[Path]:
        return sorted(path for path in (self.folder / "kept").rglob("*") if path.is_file())

    def assert_nothing_in_clear(self) -> None:
        """But in a folder of the spool that is found again: it says that it is whole, or that it goes."""
        for path in self.folder.rglob("*"):
            if path.is_file() and SPOKEN in path.read_bytes():
                is_found = (path.parent / recorded.ABOUT).exists() or path.parent.name.endswith(".goes")
                assert path.name == recorded.SOUND and is_found, path

    def assert_somewhere(self, name: str) -> None:
        """It is whole in a spool, or a letter, or kept with its row."""
        spools = [self.folder / spool / name for spool in ("spool", "relay-spool")]
        if any((one / recorded.ABOUT).exists() and (one / recorded.SOUND).exists() for one in spools):
            return
        if any((self.folder / tray / f"{name}.json").exists() for tray in ("sealed", "relay-sealed")):
            return
        row = self.row(name)
        assert row is not None, f"{name} is nowhere"
        assert sha256_of(self.folder / "kept" / row["object"]) == row["sha256"]

    def assert_kept_once(self, name: str) -> None:
        row = self.row(name)
        assert row is not None and self.events(name) == ["kept"]
        (file,) = self.objects()
        data = file.read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        opened = age.Opened(len(data), lambda first, count: data[first : first + count], IDENTITY)
        assert hashlib.sha256(b"".join(opened.parts())).hexdigest() == row["sound_sha256"]
        for left in ("spool", "relay-spool", "sealed", "relay-sealed"):
            assert not list((self.folder / left).iterdir()) if (self.folder / left).exists() else True


def killed_at(config: Path, number: int, *arguments: str) -> bool:
    """A keeper in a process of its own, which is killed (SIGKILL) at the `number`th thing that it does to a file, a
    socket or the store; False when it did less, and ended by itself."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _count_down(number)
            status = keeper.main(["--config", str(config), *arguments])
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def killed_alone(config: Path, number: int, *arguments: str) -> bool:
    """As `killed_at`, in a process that was not forked from ours: one with threads cannot be."""
    program = "import sys; from keeper.place import die_at; sys.exit(die_at(int(sys.argv[1]), sys.argv[2:]))"
    words = [sys.executable, "-c", program, str(number), "--config", str(config), *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}/tests"}
    status = subprocess.run(words, env=environment, capture_output=True, timeout=60, check=False).returncode
    assert status in (0, -signal.SIGKILL)
    return status != 0


def die_at(number: int, words: list[str]) -> int:
    """In the child."""
    _count_down(number)
    return keeper.main(words)


DONE = ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "socket.connect")


def _count_down(number: int) -> None:
    """In the child: before each of DONE, before and after each statement and sync, and before each file is made."""
    left = number

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        makes = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
        if event in DONE or makes:
            step()

    execute, fsync = Sqlite.execute, os.fsync

    def executed(self: Sqlite, sql: str, values: Any = None) -> Any:
        step()
        found = execute(self, sql, values)
        step()
        return found

    def synced(descriptor: int) -> None:
        step()
        fsync(descriptor)
        step()

    sys.addaudithook(hook)
    Sqlite.execute = executed  # type: ignore[method-assign]
    os.fsync = synced


def until(found: Callable[[], Any], what: str, within: float = WITHIN) -> Any:
    """What `found` gives, once it is true."""
    end = time.monotonic() + within
    while not (result := found()):
        assert time.monotonic() < end, f"not in {within} s: {what}"
        time.sleep(0.02)
    return result
