"""The throw-away hosts of lab/, as tests use them: fixture `lab` of conftest.py."""

import json
import os
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent


class Lab:
    """The throw-away hosts through `lab/lab`.

    Where a method wants a host: a host (edge1 …), an outside party (phone1, mtt …) or `lab`, the router.
    """

    def __init__(self, instance: str | None = None) -> None:
        """`instance`: another lab beside this checkout's own (PBX_LAB_ID)."""
        self.environment = {**os.environ, "PBX_LAB_ID": instance} if instance else dict(os.environ)

    def run(
        self, *words: str, check: bool = True, timeout: float = 60, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """`lab/lab WORDS…`; with `check`, a failure shows what the command wrote."""
        command = [str(CHECKOUT / "lab/lab"), *words]
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=self.environment, check=False, **more
        )
        if check and done.returncode:
            raise AssertionError(f"lab {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def exec(
        self, host: str, *command: str, input: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end; text in and out."""
        more = {} if input is None else {"input": input}
        return self.run("exec", host, *command, check=check, timeout=timeout, **more)

    def popen(self, host: str, *command: str, **more: Any) -> subprocess.Popen[str]:
        """Start a command there. In an outside party the process id is the command's own."""
        words = [str(CHECKOUT / "lab/lab"), "exec", host, *command]
        return subprocess.Popen(words, text=True, env=self.environment, **more)

    def netns(self, name: str) -> str:
        """The network namespace, for `ip netns exec`."""
        return self.run("netns", name).stdout.strip()

    def address(self, name: str) -> str:
        return str(self._addresses[name])

    def status(self) -> dict[str, Any]:
        """What `lab/lab status --json` says, whatever is up."""
        found: dict[str, Any] = json.loads(self.run("status", "--json", check=False).stdout)
        return found

    @cached_property
    def _addresses(self) -> dict[str, str]:
        found: dict[str, str] = self.status()["addresses"]
        return found
