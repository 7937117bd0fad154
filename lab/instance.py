"""One lab of one checkout: its id, the folder of its state, its lock."""

import contextlib
import fcntl
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from places import Trouble

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("PBX_LAB_CACHE", "/var/cache/pbx-lab"))
STATE = Path("/var/lib/pbx-lab")


def _instance_id() -> tuple[str, bool]:
    """The id, and whether it belongs to the checkout (PBX_LAB_ID names another lab beside it)."""
    named = os.environ.get("PBX_LAB_ID")
    if named is None:
        return hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8], True
    if not re.fullmatch(r"[a-z0-9]{1,12}", named):
        raise Trouble(f"PBX_LAB_ID={named!r}: 1 to 12 of a-z and 0-9")
    return named, False


ID, IS_CHECKOUTS = _instance_id()
"""IS_CHECKOUTS: this lab owns lab/state and the generated files in inventory/lab."""

FOLDER = STATE / ID
SSH_KEY = FOLDER / "id_ed25519"


def netns(name: str) -> str:
    """The name of a host's or party's network namespace."""
    return f"pbx-{ID}-{name}"


def netns_path(name: str) -> Path:
    return Path("/run/netns") / netns(name)


def make_folder() -> None:
    """The state folder, closed to everybody else: it holds the ssh key."""
    STATE.mkdir(parents=True, exist_ok=True)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    FOLDER.chmod(0o700)


def say(text: str) -> None:
    """One line of progress."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it however we end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def lab_lock() -> contextlib.AbstractContextManager[None]:
    """`up` and `down` of one lab take turns."""
    return locked(Path("/run/lock") / f"pbx-lab-{ID}", "waiting for another lab command")


def wait_until(deadline: float, pause: float = 0.05) -> Iterator[None]:
    """Yield now and then until a moment of the monotonic clock has passed."""
    while time.monotonic() < deadline:
        yield
        time.sleep(pause)
