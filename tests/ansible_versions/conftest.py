"""The releases of ansible-core that the collection runs under, each downloaded once a machine."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: The newest of each series that Python 3.11 of a controller can run; the last one is our own.
RELEASES = {"2.16": "2.16.19", "2.17": "2.17.14", "2.18": "2.18.19", "2.19": ""}
#: `make test` takes the oldest and our own; PBX_ANSIBLE=all takes them all.
CHOSEN = sorted(RELEASES) if os.environ.get("PBX_ANSIBLE") == "all" else ["2.16", "2.19"]
CACHE = Path(os.environ.get("PBX_TEST_CACHE", "/var/cache/pbx-test"))


@pytest.fixture(params=CHOSEN)
def ansible(request: pytest.FixtureRequest) -> tuple[str, Path | None]:
    """The series, and the folder to put before all others; None for what is installed."""
    series: str = request.param
    version = RELEASES[series]
    if not version:
        return series, None
    folder = CACHE / f"ansible-core-{version}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _download(version, folder)
    return series, folder


def _download(version: str, folder: Path) -> None:
    """Only ansible-core itself: what it needs is installed for our own release."""
    making = folder.with_name(f"making-{folder.name}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*pip, "--target", str(making), f"ansible-core=={version}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    making.rename(folder)
