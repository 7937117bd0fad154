"""The drainer: ships journal segments to the store, once each record, and closes the calls of a process that died."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pbx.store import database
from pbx.store.journal import decode

BATCH_BYTES = 1024 * 1024


class Drainer:
    """Reads all segments of a folder in order. `boots` remembers the newest start of each process."""

    def __init__(self, folder: Path, db: database.Database) -> None:
        self._folder = folder
        self._db = db
        self._offsets: dict[str, int] = database.positions(db)

    def drain(self) -> int:
        """Ship what is there; returns the number of records. An error of the store is raised and nothing is lost."""
        count = 0
        segments = sorted(self._folder.glob("*.journal"), key=lambda path: (_born(path), path.name))
        newest: dict[str, tuple[str, Path]] = {}
        for path in segments:
            shipped, boot = self._ship(path)
            count += shipped
            if boot is not None:
                newest[boot[0]] = (boot[1], path)
        for node, (boot_id, path) in newest.items():
            self._close_old(node, boot_id, path, segments)
        return count

    def _ship(self, path: Path) -> tuple[int, tuple[str, str] | None]:
        boot = _boot_of(path)
        offset = self._offsets.get(path.name, 0)
        count = 0
        with path.open("rb") as file:
            while True:
                file.seek(offset)
                data = file.read(BATCH_BYTES)
                whole = list(decode(data))
                if not whole:
                    return count, boot
                offset += whole[-1][0]
                batch: list[dict[str, Any]] = [record for _, record in whole]
                for record in batch:
                    record["node"], record["boot"] = boot or ("", "")
                database.write(self._db, batch, (path.name, offset))
                self._offsets[path.name] = offset
                for record in batch:
                    if record["kind"] == "message":  # its sound is in the store
                        Path(record["file"]).unlink(missing_ok=True)
                        Path(record["file"]).with_suffix(".json").unlink(missing_ok=True)
                count += len(batch)

    def _close_old(self, node: str, boot: str, newest: Path, segments: list[Path]) -> None:
        """A newer start of a process exists: its older segments are whole, their open calls were interrupted."""
        mine = [path for path in segments if path != newest and (_boot_of(path) or ("", ""))[0] == node]
        if any((_boot_of(path) or ("", ""))[1] != boot for path in mine):
            database.interrupt(self._db, node=node, boot=boot, now=int(time.time() * 1000))
        for path in mine:
            path.unlink()
            database.forget(self._db, path.name)
            self._offsets.pop(path.name, None)


def _born(path: Path) -> int:
    """Segments of one process sort by their boot's name (its start in ms, hexadecimal)."""
    boot = _boot_of(path)
    return int(boot[1], 16) if boot else 0


def _boot_of(path: Path) -> tuple[str, str] | None:
    parts = path.stem.rsplit("-", 2)
    return (parts[0], parts[1]) if len(parts) == 3 else None
