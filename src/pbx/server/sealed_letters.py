"""Recordings that are sealed and on their way, on this host's disk: `<id>.age` and, last of all, `<id>.json`.

A letter is there from the moment its `.json` is; it is gone when the `.json` is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from pbx.media.recorded import Recording, is_id
from pbx.store.places import sync


@dataclass(frozen=True, slots=True)
class Sums:
    """Of the sealed file, and of the sound in it."""

    size: int
    sha256: str
    sound_size: int
    sound_sha256: str
    sealed_with: str
    peaks: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    about: Recording
    sums: Sums

    def to_json(self) -> bytes:
        return orjson.dumps({"about": orjson.loads(self.about.to_json()), "sums": asdict(self.sums)})

    @classmethod
    def from_json(cls, told: bytes) -> Letter:
        """Raises ValueError."""
        try:
            data = orjson.loads(told)
            return cls(Recording.from_json(orjson.dumps(data["about"])), Sums(**data["sums"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a letter: {error!r}") from error

    @property
    def object(self) -> str:
        """Its name where it is kept."""
        return f"{self.about.tenant}/{self.about.started:%Y}/{self.about.started:%m}/{self.about.id}.age"

    def row(self, now: int) -> dict[str, Any]:
        """As `pbx.store.recordings` keeps it."""
        about, started = self.about, int(self.about.started.timestamp() * 1000)
        length = int(about.length * 1000)
        plain = orjson.loads(about.to_json())
        sums = asdict(self.sums)
        return {
            **{name: plain[name] for name in ("id", "tenant", "call_id", "policy", "direction", "caller", "called")},
            **{name: plain[name] for name in ("people", "gaps", "announced", "listen")},
            **sums,
            "started": started,
            "length": length,
            "place": about.store,
            "object": self.object,
            "kept": now,
            "due": None if about.retain is None else started + length + int(about.retain * 1000),
            "state": "kept",
        }


class Tray:
    """The folder of the letters of a host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """What a killed process had not finished is gone. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for partial in self.folder.glob("*.part"):
            partial.unlink(missing_ok=True)

    def letters(self) -> Iterator[str]:
        """Ids, the oldest first."""
        there = ((path.stat().st_mtime_ns, path.stem) for path in self.folder.glob("*.json"))
        for _, recording in sorted(there):
            if is_id(recording):
                yield recording

    def holds(self, recording: str) -> bool:
        return self._told(recording).exists()

    def read(self, recording: str) -> Letter:
        """Raises ValueError, OSError."""
        return Letter.from_json(self._told(recording).read_bytes())

    def sealed(self, recording: str) -> Path:
        return self.folder / f"{recording}.age"

    def partial(self, recording: str) -> Path:
        """Where its sealed file is written before it is whole."""
        return self.folder / f"{recording}.age.part"

    def post(self, letter: Letter) -> None:
        """The partial file is whole and synced: from here on the letter is there. Raises OSError."""
        recording = letter.about.id
        os.replace(self.partial(recording), self.sealed(recording))
        told = self.folder / f"{recording}.json.part"
        told.write_bytes(letter.to_json())
        sync(told)
        os.replace(told, self._told(recording))
        sync(self.folder)

    def remove(self, recording: str) -> None:
        """Raises OSError."""
        self.sealed(recording).unlink(missing_ok=True)
        self._told(recording).unlink(missing_ok=True)
        sync(self.folder)

    def _told(self, recording: str) -> Path:
        return self.folder / f"{recording}.json"
