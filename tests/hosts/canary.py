"""Planted secrets, and the search for them: in texts, in files of a host, in every process while something runs."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from throwaway import Lab

# Files of a host that hold a needle: [name, path, mode, user]. What Debian's packages brought is not read.
SEARCH = """import json, os, sys
needles = {name: value.encode() for name, value in json.load(sys.stdin).items()}
skipped = ("/proc", "/sys", "/dev", "/usr", "/srv", "/boot", "/var/cache/apt", "/var/lib/apt", "/var/lib/dpkg")
found = []
for folder, below, names in os.walk("/"):
    below[:] = [name for name in below if os.path.join(folder, name) not in skipped]
    for name in names:
        path = os.path.join(folder, name)
        if not os.path.isfile(path) or os.path.islink(path):
            continue
        with open(path, "rb") as file:
            data = file.read()
        about = os.stat(path)
        held = [needle for needle, value in needles.items() if value in data]
        found += [[needle, path, oct(about.st_mode & 0o777), about.st_uid] for needle in held]
print(json.dumps(found))"""

# Command lines and environments of all processes, again and again until stdin ends: [name, what, of which program].
WATCH = """import glob, json, select, sys
needles = {name: value.encode() for name, value in json.loads(sys.stdin.readline()).items()}
found, rounds = set(), 0
print("watching", flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    rounds += 1
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try:
            data = open(path, "rb").read()
            for name in [name for name, value in needles.items() if value in data]:
                found.add((name, path.rpartition("/")[2], open(path.rpartition("/")[0] + "/comm").read().strip()))
        except OSError:
            continue
print(json.dumps([rounds, sorted(found)]))"""


def with_derivations(values: Mapping[str, str]) -> dict[str, str]:
    """The values, and each in base64 as it would look at any place inside a longer text."""
    found = dict(values)
    for name, value in values.items():
        for shift in range(3):
            text = base64.b64encode(bytes(shift) + value.encode()).decode().rstrip("=")
            found[f"{name} in base64 {shift}"] = text[(0, 2, 3)[shift] : -1]
    return found


def in_text(needles: Mapping[str, str], **texts: str) -> list[tuple[str, str]]:
    """(name of the secret, name of the text) for each that is there."""
    return [(name, where) for where, text in texts.items() for name, value in needles.items() if value in text]


def in_files(lab: Lab, host: str, needles: Mapping[str, str]) -> list[tuple[str, str, str, int]]:
    """(name of the secret, path, mode, user id) over all files of the host."""
    done = lab.exec(host, "python3", "-c", SEARCH, input=json.dumps(needles), timeout=300)
    return [(name, path, mode, uid) for name, path, mode, uid in json.loads(done.stdout)]


@contextmanager
def watched(lab: Lab, host: str, needles: Mapping[str, str]) -> Iterator[list[tuple[str, str, str]]]:
    """Watch the processes of the controller and of the host; the list is filled when the block ends."""
    here = subprocess.Popen([sys.executable, "-c", WATCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    there = lab.popen(host, "python3", "-c", WATCH, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found: list[tuple[str, str, str]] = []
    try:
        for watcher in (here, there):
            stdin, stdout = _ends(watcher)
            stdin.write(json.dumps(needles) + "\n")
            stdin.flush()
            assert stdout.readline() == "watching\n"
        yield found
        for watcher in (here, there):
            said, _nothing = watcher.communicate("\n", timeout=30)
            rounds, seen = json.loads(said)
            assert rounds > 10
            found += [(name, what, program) for name, what, program in seen]
    finally:
        for watcher in (here, there):
            if watcher.poll() is None:
                watcher.kill()
                watcher.wait()


def _ends(watcher: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert watcher.stdin is not None and watcher.stdout is not None
    return watcher.stdin, watcher.stdout
