"""A real S3 server (SeaweedFS) with a folder of its own, which can be killed, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper.place import until

HOST = f"127.36.{os.getpid() % 250}.{os.getpid() // 250 % 250 + 1}"
PORT = 28333
WITHIN = 40.0  # seconds
IDENTITY = {
    "name": "pbx",
    "credentials": [{"accessKey": "access", "secretKey": "very secret"}],
    "actions": ["Admin", "Read", "Write", "List"],
}


@dataclass
class Weed:
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def bucket(self) -> dict[str, Any]:
        return {"endpoint": f"http://{HOST}:{PORT}", "bucket": "recordings", "region": "us-east-1"}

    def start(self) -> None:
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": [IDENTITY]}))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("weed")), "server", f"-dir={self.folder}",
                    f"-ip={HOST}", f"-ip.bind={HOST}", "-master.port=29333", "-volume.port=29380",
                    "-filer.port=29388", "-filer", "-s3", f"-s3.port={PORT}", f"-s3.config={config}", "-s3.iam=false",
                    "-master.volumeSizeLimitMB=64", "-volume.max=8", "-metricsPort=0",
                ],
                stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        until(self._answers, "the bucket's server answers", WITHIN)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://{HOST}:{PORT}/", timeout=2)
        except urllib.error.HTTPError:
            return True  # it wants to know who asks
        except OSError:
            return False
        return True

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def served(folder: Path) -> Iterator[Weed]:
    weed = Weed(folder)
    weed.start()
    try:
        yield weed
    finally:
        weed.kill()
