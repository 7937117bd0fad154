"""The audit log: one line of JSON for each request that would change something, whatever came of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

log = logging.getLogger("pbx-web")

MOST_BYTES = 20 * 1024 * 1024  # then a new file is begun and KEPT old ones stay
KEPT = 5


class AuditLog:
    """Appends with one write. A full disk stops no call: what could not be written is in the journal of systemd."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lost = 0

    def write(self, **entry: Any) -> None:
        line = orjson.dumps(entry) + b"\n"
        try:
            self._rotate()
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                whole = os.write(fd, line) == len(line)
            finally:
                os.close(fd)
        except OSError:
            whole = False
        if not whole:
            self.lost += 1
            log.error("audit: %s", line.decode().rstrip())

    def newest(self, tenant: str, most: int) -> list[dict[str, Any]]:
        """The newest entries of a tenant first."""
        found: list[dict[str, Any]] = []
        for line in self._backwards():
            entry = orjson.loads(line)
            if entry["tenant"] == tenant:
                found.append(entry)
                if len(found) == most:
                    break
        return found

    def _backwards(self) -> Iterator[bytes]:
        for path in (self._path, self._older(1)):
            if path.exists():
                yield from (line for line in reversed(path.read_bytes().splitlines()) if line.endswith(b"}"))

    def _older(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _rotate(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < MOST_BYTES:
            return
        for number in range(KEPT, 1, -1):
            if self._older(number - 1).exists():
                self._older(number - 1).replace(self._older(number))
        self._path.replace(self._older(1))
