"""The journal: an append-only file that a call writes to before it acts, so that a SIGKILL loses nothing.

A line is `crc32 json\\n`, written at once with one `write` (survives SIGKILL); `fdatasync` runs in groups every
SYNC_INTERVAL in a thread (a power cut loses at most that much). Each start of a process opens a new segment, so a
torn tail stays a tail. The drainer ships segments to the store and deletes them after its own commit.
"""

from __future__ import annotations

import errno
import os
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

SYNC_INTERVAL = 0.03  # seconds
SEGMENT_BYTES = 4 * 1024 * 1024


class Journal:
    """Writes the journal of one process. `boot` names this start of the process; `node` the process (calls1.1)."""

    def __init__(self, folder: Path, *, node: str, boot: str, kept: Iterable[str] = ()) -> None:
        """`kept` are the calls of the start before that go on in this one: the store must not close their records."""
        self._folder = folder
        self._node = node
        self._boot = boot
        self._segment = 0
        self._kept = sorted(kept)
        self._size = 0
        self.lost = 0  # records that could not be written (disk full): calls go on, the loss is counted
        self._full: list[int] = []  # segments that were left and are not synced and closed yet
        self._dirty = threading.Event()
        self._closed = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = self._open_segment()
        self._sync_folder()
        self._syncer = threading.Thread(target=self._sync_in_groups, name="journal-sync", daemon=True)
        self._syncer.start()

    def append(self, kind: str, body: dict[str, Any]) -> None:
        """Write one record; returns when the kernel has it. Never raises: a full disk is counted in `lost`."""
        line = encode({"kind": kind, **body})
        try:
            if self._size + len(line) > SEGMENT_BYTES:
                self._rotate()
            written = os.write(self._fd, line)
        except OSError:
            self.lost += 1
            return
        if written < len(line):  # disk full in the middle: without the torn line the next one stands alone
            self.lost += 1
            os.ftruncate(self._fd, self._size)
            return
        self._size += written
        if not self._dirty.is_set():  # the syncer clears it before it syncs
            self._dirty.set()

    def close(self) -> None:
        """Sync and close."""
        self._closed.set()
        self._dirty.set()
        self._syncer.join(timeout=2)
        self._sync()
        os.close(self._fd)

    def _rotate(self) -> None:
        """Nothing is synced here: calls wait for this, and a disk may take its time."""
        old, self._fd = self._fd, self._open_segment()
        self._full.append(old)

    def _open_segment(self) -> int:
        """OSError leaves nothing behind, so that a full disk may be asked again and again."""
        path = self._folder / f"{self._node}-{self._boot}-{self._segment + 1:06d}.journal"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        more = {"kept": self._kept} if self._kept and not self._segment else {}
        line = encode({"kind": "boot", "node": self._node, "boot": self._boot, **more})
        try:
            if os.write(fd, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        except OSError:
            os.close(fd)
            path.unlink()
            raise
        self._segment += 1
        self._size = len(line)
        return fd

    def _sync_folder(self) -> None:
        directory = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _sync(self) -> None:
        """All that was written is on the disk, segments that are full first. Raises OSError."""
        while self._full:
            old = self._full.pop(0)
            try:
                os.fsync(old)
            finally:
                os.close(old)
            self._sync_folder()
        os.fdatasync(self._fd)

    def _sync_in_groups(self) -> None:
        while not self._closed.is_set():
            self._dirty.wait()
            if self._closed.wait(SYNC_INTERVAL):
                return
            self._dirty.clear()
            try:
                self._sync()
            except OSError:
                self.lost += 1


def new_boot(folder: Path, node: str, now: int) -> str:
    """The name of this start of a process, from `now` in ms: later than the starts before, also when the clock was set
    back, or the drainer would take the new segment for the old one."""
    names = (path.stem.rsplit("-", 2) for path in folder.glob(f"{node}-*.journal"))
    return f"{max([now, *(int(boot, 16) + 1 for _, boot, _ in names)]):012x}"


def encode(record: dict[str, Any]) -> bytes:
    """One line of the journal."""
    body = orjson.dumps(record)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """The whole records at the start of `data`, each with the offset behind it. A torn or damaged line with others
    behind it is passed over; one at the end waits for the rest."""
    offset = 0
    while (end := data.find(b"\n", offset)) >= 0:
        line, offset = data[offset:end], end + 1
        checksum, _, body = line.partition(b" ")
        if len(checksum) == 8 and checksum == b"%08x" % zlib.crc32(body):
            yield offset, orjson.loads(body)
