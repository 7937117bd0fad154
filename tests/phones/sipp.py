"""SIPp runs: carriers and callers by scenario (`scenarios/*.xml`), with what they received as messages and statistics.

SIPp 3.6.1 of Debian. A scenario that ends in a way it did not expect makes `failed` > 0 and a non-zero exit status.
"""

import csv
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from phones import digest, message, netns
from phones.message import Message

SCENARIOS = Path(__file__).parent / "scenarios"
HEAD = re.compile(rb"^\w+ message (sent|received) ?(?:\(\d+ bytes\)|\[\d+\] bytes ?):?\s*\n+", re.M)


@dataclass(frozen=True)
class Statistics:
    """The last line of SIPp's statistics file."""

    created: int
    successful: int
    failed: int
    retransmissions: int


def _is_last(message: Message) -> bool:
    """The answer that ends a call: to the BYE, or a refusal other than a challenge."""
    asked = message["CSeq"]
    if asked is None:
        return False
    return (message.status == 200 and "BYE" in asked) or (message.status >= 400 and message.status not in (401, 407))


class Sipp:
    """One SIPp process, started by entering the context and ended by leaving it.

    `scenario` is the name of a file of `scenarios/` without `.xml`; `keys` fill its `[name]` fields; `remote` is
    where a calling scenario sends to (host:port). An answering scenario runs until it is left: an
    OPTIONS of the edge counts as a call for SIPp, so its own `-m` would end it before the INVITE comes.
    """

    def __init__(
        self,
        scenario: str,
        *,
        namespace: str | None = None,
        address: str = "127.0.0.1",
        port: int = 5060,
        remote: str = "",
        calls: int = 1,
        rate: float = 10.0,
        keys: dict[str, str] | None = None,
        media_port: int = 17000,
        transport: str = "u1",
        options: tuple[str, ...] = (),
    ) -> None:
        self.namespace, self._port, self._remote = namespace, port, remote
        self._folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        self._argv = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", address, "-p", str(port)]
        self._argv += ["-t", transport, "-mi", address, "-mp", str(media_port)]
        self._argv += ["-m", str(calls), "-r", str(rate)] if remote else []
        self._calls = calls
        self._argv += ["-nostdin", "-trace_err"]
        self._argv += ["-trace_msg", "-message_file", str(self._folder / "messages"), "-message_overwrite", "false"]
        self._argv += ["-trace_stat", "-stf", str(self._folder / "statistics"), "-fd", "1"]
        self._argv += ["-error_file", str(self._folder / "errors")]
        for name, value in (keys or {}).items():
            self._argv += ["-key", name, value]
        self._argv += [*options, *([remote] if remote else [])]

    def __enter__(self) -> Self:
        argv = netns.command(self.namespace, self._argv)
        nothing = subprocess.DEVNULL
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(argv, stdin=nothing, stdout=output, stderr=output, cwd=self._folder)
        if not self._remote:
            self._wait_listening()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait(self, deadline: float) -> int:
        """0 when all calls are done as the scenario says, 1 when some failed; TimeoutError.

        An answering scenario is done when it has answered the BYE of each call (or refused each INVITE).
        """
        if not self._remote:
            return self._wait_answered(deadline)
        try:
            return self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"sipp not done within {deadline} s: {self.errors()}") from None

    def _wait_answered(self, deadline: float) -> int:
        end = time.monotonic() + deadline
        while self._process.poll() is None and time.monotonic() < end:
            if sum(map(_is_last, self.sent())) >= self._calls:
                return 0
            time.sleep(0.02)
        raise TimeoutError(f"sipp not done within {deadline} s: {self.errors()}")

    def received(self, method: str | None = None) -> list[Message]:
        """What it received, oldest first; with `method` only these requests."""
        found = [m for way, m in self._messages() if way == "received"]
        return [m for m in found if method is None or (not m.status and m.method == method)]

    def sent(self) -> list[Message]:
        return [m for way, m in self._messages() if way == "sent"]

    def proved(self, user: str, password: str) -> bool:
        """True when the last INVITE bears a digest of this user and password for the nonce of our last challenge."""
        asked = [m["Proxy-Authenticate"] for m in self.sent() if m.status == 407]
        given = self.received("INVITE")[-1].get("Proxy-Authorization") or ""
        nonce = digest.fields(asked[-1])["nonce"] if asked else ""
        return digest.fields(given).get("username") == user and digest.right(given, password, "INVITE", nonce)

    def statistics(self) -> Statistics:
        """Read after the end; all zero when SIPp wrote none."""
        path = self._folder / "statistics"
        rows = list(csv.DictReader(path.read_text().splitlines(), delimiter=";")) if path.exists() else []
        last = rows[-1] if rows else {}
        names = ("TotalCallCreated", "SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)")
        return Statistics(*(int(last.get(name) or 0) for name in names))

    def errors(self) -> str:
        """Its error file and the end of its screen."""
        parts = [self._folder / "errors", self._folder / "output"]
        return "\n".join(part.read_text(errors="replace")[-1500:] for part in parts if part.exists())

    def _wait_listening(self) -> None:
        """Until the port is bound, as the kernel lists it for the namespace of the process."""
        end, sockets = time.monotonic() + 5.0, Path(f"/proc/{self._process.pid}/net")
        while self._process.poll() is None and time.monotonic() < end:
            listed = (sockets / "udp").read_text() + (sockets / "tcp").read_text()
            if f":{self._port:04X} " in listed:
                return
            time.sleep(0.01)
        raise TimeoutError(f"sipp does not listen: {self.errors()}")

    def _messages(self) -> list[tuple[str, Message]]:
        path = self._folder / "messages"
        text = path.read_bytes() if path.exists() else b""
        heads = list(HEAD.finditer(text))
        found = []
        for at, head in enumerate(heads):
            end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
            raw = re.sub(rb"\n-{10,}[^\n]*\n?\Z", b"", text[head.end() : end])
            found.append((head[1].decode(), message.parse(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))))
        return found
