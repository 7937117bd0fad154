"""An apply that stands still at the boundary of each task, until the test lets it go on, or kills it."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from hosts.story import PBX, Site

CALLBACKS = Path(__file__).parent / "callbacks"
PATIENCE = 180.0  # seconds for one task, on a machine that is busy


class Apply:
    """`pbx apply WORDS…`, task by task: `at()` is the boundary where it stands, None once it has ended."""

    def __init__(self, site: Site, folder: Path, *words: str) -> None:
        for name in ("says", "hears"):
            with contextlib.suppress(FileNotFoundError):
                (folder / name).unlink()
            os.mkfifo(folder / name)
        self._says = os.open(folder / "says", os.O_RDWR | os.O_NONBLOCK)
        self._hears = os.open(folder / "hears", os.O_RDWR | os.O_NONBLOCK)
        self._out, self._error, self._text = folder / "out", folder / "error", b""
        self._stands = False
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "PBX_SAYS": str(folder / "says"),
            "PBX_HEARS": str(folder / "hears"),
        }
        command = [*PBX, "apply", *words, "-i", str(site.inventory), "--model", str(site.model)]
        with open(self._out, "wb") as out, open(self._error, "wb") as error:
            self.process = subprocess.Popen(command, stdout=out, stderr=error, env=environment, start_new_session=True)

    def at(self) -> str | None:
        """The next boundary; the playbooks that follow a failed apply have boundaries, too."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._text:
            if select.select([self._says], [], [], 0.2)[0]:
                self._text += os.read(self._says, 4096)
            elif self.process.poll() is not None:
                return None
            assert time.monotonic() < deadline, f"nothing for {PATIENCE} s\n{self.error}"
        line, _, self._text = self._text.partition(b"\n")
        self._stands = True
        return line.decode()

    def go(self) -> None:
        """Over the boundary where it stands."""
        self._stands = False
        os.write(self._hears, b".")

    def until(self, boundary: str) -> None:
        """Go on to the first boundary that ends so."""
        while (at := self.at()) is not None:
            if at.endswith(boundary):
                return
            self.go()
        raise AssertionError(f"it ended before {boundary}\n{self.error}")

    def to_the_end(self) -> int:
        """Go over all boundaries that are left; the exit code."""
        if self._stands:
            self.go()
        while self.at() is not None:
            self.go()
        return self.process.wait()

    def kill(self) -> None:
        """SIGKILL to pbx, ansible-playbook and its workers at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ssh_to(self, address: str) -> list[int]:
        """Processes of ssh of this apply that talk to a host; Ansible's workers have sessions of their own."""
        found = []
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0") if name.isdigit() else []
                if words and words[0].endswith(b"ssh") and address.encode() in words and self._is_above(int(name)):
                    found.append(int(name))
        return found

    def _is_above(self, process: int) -> bool:
        """Whether a process descends from this apply."""
        while process > 1 and process != self.process.pid:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        return process == self.process.pid

    @property
    def error(self) -> str:
        """What it wrote to stderr."""
        return self._error.read_text()

    @property
    def out(self) -> str:
        return self._out.read_text()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        os.close(self._says)
        os.close(self._hears)


@contextlib.contextmanager
def apply(site: Site, folder: Path, *words: str) -> Iterator[Apply]:
    """One that is over when the block ends."""
    one = Apply(site, folder, *words)
    try:
        yield one
    finally:
        one.close()
