"""What the next start of a call process needs of the calls that are up: one small file each, gone with the call.

The journal tells the store what was; this tells a restarted process what is. A file is written before the packets of
the answer leave, and replaced whole when something of it changes, so that a SIGKILL leaves the old one or the new one.
It is not synced: it has to survive the process, and after a power cut the calls are gone anyhow.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from pathlib import Path
from typing import Any

import orjson

log = logging.getLogger(__name__)

SUFFIX = ".call"
Document = dict[str, Any]


class KeptCalls:
    """The files of one process, in a folder of its own. No method raises: a full disk costs the recovery, no call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: set[str] = set()
        self.lost = 0  # documents that could not be written

    def write(self, call_id: str, document: Document) -> None:
        """Keep a call as it is now; returns when the kernel has it."""
        body = orjson.dumps(document)
        data = b"%08x %s" % (zlib.crc32(body), body)
        name = f"{self._folder}/{call_id}"
        known = call_id in self._written
        try:
            fd = os.open(name if known else name + SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                whole = os.write(fd, data) == len(data)
            finally:
                os.close(fd)
            if known and whole:
                os.rename(name, name + SUFFIX)
        except OSError:
            whole = False
        if whole:
            self._written.add(call_id)
        else:
            self.lost += 1

    def drop(self, call_id: str) -> None:
        """The call is over."""
        self._written.discard(call_id)
        with contextlib.suppress(OSError):
            os.unlink(f"{self._folder}/{call_id}{SUFFIX}")

    def read(self) -> dict[str, Document]:
        """The calls that were up when the process before ended, by id; what is torn is passed over and removed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found: dict[str, Document] = {}
        for path in sorted(self._folder.iterdir()):
            document = _document(path) if path.suffix == SUFFIX else None
            if document is None:
                path.unlink(missing_ok=True)
            else:
                found[path.stem] = document
        self._written = set(found)
        return found


def _document(path: Path) -> Document | None:
    try:
        checksum, _, body = path.read_bytes().partition(b" ")
        if checksum != b"%08x" % zlib.crc32(body):
            raise ValueError("torn")
        document: Document = orjson.loads(body)
    except (OSError, ValueError) as error:
        log.warning("%s is left out: %s", path, error)
        return None
    return document
