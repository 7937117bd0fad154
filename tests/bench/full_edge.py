"""The edge of the tests with what a host's has more: shared memory (`kamailio_shared_memory` of the role) and patience.

tm holds each transaction for 5 s after its end: the tests' 64 MiB are full at about 200 calls a second, and an edge out
of memory answers 407, 404 and 500 at random. The tests' edge gives a call process 600 ms; one of a single process waits
as long as that needs to be back after SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess

from unit.edge.edge_under_test import EdgeUnderTest

from pbx.desired.edge import PATIENCE_WITH_ONE

SHARED_MB = 256


class FullEdge(EdgeUnderTest):
    """Start with `start()`, as the tests' edge."""

    def write_files(self) -> None:
        super().write_files()
        settings = self.folder / "pbx_settings.cfg"
        patient = settings.read_text().replace("pbx.owner_timeout = 600", f"pbx.owner_timeout = {PATIENCE_WITH_ONE}")
        settings.write_text(patient)

    def start(self) -> None:
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        command = [
            "nsenter", f"--net=/proc/{self.holder.pid}/ns/net",
            "setpriv", "--reuid=kamailio", "--regid=kamailio", "--clear-groups", "--inh-caps=-all",
            "kamailio", "-DD", "-E", "-x", "fm", "-X", "fm", "-m", str(SHARED_MB), "-M", str(self.private_mb),
            "-Y", str(self.run_dir), "-P", str(self.run_dir / "kamailio.pid"), "-f", str(self.folder / "kamailio.cfg"),
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        process = self.process

        def ready() -> bool:
            assert process.poll() is None, f"kamailio ended:\n{self.log[-3000:]}"
            return self.rpc.up()

        self._wait(ready)

    def kill(self) -> None:
        """SIGKILL to all of its processes at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
