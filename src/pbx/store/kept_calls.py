"""What the next start of a call process needs of the calls of this one: a log in which the last line of each counts.

The journal tells the store what was; this tells a restarted process what is. A line is `crc32 json\\n`, written at once
with one `write` before the packets that it speaks of leave, so that a SIGKILL leaves the line before or this one. Lines
of calls that are over make the file grow, until it is written anew with the others. It is not synced: it has to survive
the process, and after a power cut the calls are gone anyhow.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pbx.store.journal import decode, encode

log = logging.getLogger(__name__)

NAME = "calls.log"
MOST_WASTE = 4 * 1024 * 1024  # bytes of lines that count no more, beyond as many as there are of those that do
Document = dict[str, Any]


class KeptCalls:
    """The log of one process, in a folder of its own. No method raises but for a folder that cannot be made: a full
    disk costs the recovery and no call."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._fd: int | None = None
        self._size = 0
        self._live = 0  # bytes of the lines that count
        self._places: dict[str, tuple[int, int]] = {}  # call → offset and length of its line
        self.lost = 0  # lines that could not be written

    def read(self) -> dict[str, Document]:
        """The calls of the start before, by id; what is torn is passed over. From here on the log is open."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = read(self._path.parent)
        self._begin([(call_id, encode({"id": call_id, "call": document})) for call_id, document in found.items()])
        return found

    def write(self, call_id: str, document: Document) -> None:
        """Keep a call as it is now; returns when the kernel has it."""
        length = self._append({"id": call_id, "call": document})
        if length:
            self._forget(call_id)
            self._places[call_id] = self._size - length, length
            self._live += length
            self._tidy()

    def drop(self, call_id: str) -> None:
        """The call is over."""
        if self._forget(call_id):
            self._append({"id": call_id})

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _append(self, line: Document) -> int:
        """The length of the line; 0 when it could not be written."""
        data = encode(line)
        try:
            if self._fd is None:
                raise OSError("the log is not open")
            written = os.write(self._fd, data)
            if written == len(data):
                self._size += written
                return written
            os.ftruncate(self._fd, self._size)  # without the torn line the next one stands alone
        except OSError:
            pass
        self.lost += 1
        return 0

    def _forget(self, call_id: str) -> bool:
        place = self._places.pop(call_id, None)
        self._live -= place[1] if place is not None else 0
        return place is not None

    def _tidy(self) -> None:
        """Write the file anew when most of it counts no more."""
        if self._size - self._live > MOST_WASTE + self._live and self._fd is not None:
            with contextlib.suppress(OSError), open(self._path, "rb") as file:
                places = self._places.items()
                self._begin([(call_id, os.pread(file.fileno(), size, offset)) for call_id, (offset, size) in places])

    def _begin(self, lines: Sequence[tuple[str, bytes]]) -> None:
        """A new file with these lines, in place of the one before in one step; when there is no room for it, the one
        before goes on."""
        new = self._path.with_suffix(".new")
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                if any(os.write(fd, data) < len(data) for _, data in lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(new))
                os.rename(new, self._path)
            except OSError:
                os.close(fd)
                new.unlink(missing_ok=True)
                raise
        except OSError as error:
            log.error("the log of calls is not written anew: %s", error)
            if self._fd is None:
                self._go_on(lines)
            return
        self.close()
        self._fd, self._places, self._size = fd, {}, 0
        for call_id, data in lines:
            self._places[call_id] = self._size, len(data)
            self._size += len(data)
        self._live = self._size

    def _go_on(self, lines: Sequence[tuple[str, bytes]]) -> None:
        with contextlib.suppress(OSError):
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._size = os.lseek(self._fd, 0, os.SEEK_END)
            self._places = {call_id: (0, 0) for call_id, _ in lines}  # they are in there somewhere


def read(folder: Path) -> dict[str, Document]:
    """The calls in the log of a process, which may run or be dead. Raises OSError, but not for want of a log."""
    found: dict[str, Document] = {}
    with contextlib.suppress(FileNotFoundError):
        for _, line in decode((folder / NAME).read_bytes()):
            if line.get("call") is None:
                found.pop(line["id"], None)
            else:
                found[line["id"]] = line["call"]
    return found


def take(folder: Path, call_ids: Iterable[str]) -> None:
    """Another process goes on with these calls: the log of the one before says so. Raises OSError."""
    fd = os.open(folder / NAME, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        for call_id in call_ids:
            os.write(fd, encode({"id": call_id}))
    finally:
        os.close(fd)
