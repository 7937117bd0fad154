"""All sound that the engine can play, in one array of frames: what a leg plays is a row number.

Files are copied in when they are first played and stay until room is needed. They are not mapped: a page fault or a
truncated file must not stop (SIGBUS) the tick of a thousand legs.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pbx.media import g711, rtp, tones

ENDLESS = 1 << 60
"""Frames of an item that sounds until it is stopped."""


class UnknownSound(Exception):
    """An item that cannot be played; the text says which and why."""


@dataclass(slots=True)
class Sound:
    """`count` rows from `first` on; `users` plays hold it at the moment, `used` orders files by their last use."""

    first: int
    count: int
    endless: bool = False
    users: int = 0
    used: int = 0
    once: bool = False
    """Of somebody's message: nobody else will want it."""


@dataclass(slots=True)
class Item:
    """One entry of a playlist: a sound for `frames` frames, from its beginning again when it is shorter."""

    sound: Sound
    frames: int


class Library:
    """`frames[row]` is 20 ms of A-law; row 0 is silence."""

    def __init__(
        self, folder: Path, tone_set: str = "RU", megabytes: int = 512, *, recordings: Path | None = None
    ) -> None:
        """`recordings` is a folder of messages, each of which is there only while it is wanted."""
        self._folder, self._recordings = folder, recordings
        rows = megabytes * 1024 * 1024 // rtp.SAMPLES
        # Address space only: a page takes memory when something is written to it.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
        memory = mmap.mmap(-1, rows * rtp.SAMPLES, flags=flags)
        self.frames = np.frombuffer(memory, np.uint8).reshape(rows, rtp.SAMPLES)
        self._free = [(0, rows)]
        self._clock = 0
        self.silence = self._store(np.full(5 * rtp.PER_SECOND * rtp.SAMPLES, g711.ALAW_SILENCE, np.uint8), "silence")
        self.silence.endless = True
        self._tones = {name: self._tone(name, tone) for name, tone in tones.TONES[tone_set].items()}
        self._tones["music"] = self._store(tones.music(), "music")
        self._tones["music"].endless = True
        self._files: dict[str, Sound] = {}

    def item(self, wanted: dict[str, Any]) -> Item:
        """What an item of a playlist means; `seconds` cuts it or fills it up. Raises `UnknownSound`."""
        match wanted:
            case {"silence": float() | int() as seconds}:
                return Item(self.silence, max(0, rtp.frames(seconds)))
            case {"tone": str(name)} if name in self._tones:
                sound = self._tones[name]
            case {"file": str(name)}:
                sound = self._file(self._folder, name)
            case {"recording": str(name)} if self._recordings is not None:
                self._forget_recordings()
                sound = self._file(self._recordings, name)
            case _:
                raise UnknownSound(f"no such item: {wanted}")
        limit = wanted.get("seconds")
        if not sound.count:
            return Item(sound, 0)
        if isinstance(limit, float | int):
            return Item(sound, max(0, rtp.frames(limit)))
        return Item(sound, ENDLESS if sound.endless else sound.count)

    def _tone(self, name: str, tone: tones.Tone) -> Sound:
        sound = self._store(tones.render(tone), name)
        sound.endless = tone.endless
        return sound

    def _file(self, folder: Path, name: str) -> Sound:
        sound = self._files.get(name)
        if sound is None:
            if "/" in name or name.startswith("."):
                raise UnknownSound(f"not a file name: {name!r}")
            try:
                data = np.fromfile(folder / name, np.uint8)
            except OSError as error:
                raise UnknownSound(f"file {name!r}: {error.strerror}") from None
            sound = self._files[name] = self._store(data, name)
            sound.once = folder is self._recordings
        self._clock += 1
        sound.used = self._clock
        return sound

    def _store(self, data: g711.Bytes, name: str) -> Sound:
        """Copy in, the last frame filled up with silence."""
        count = -(-len(data) // rtp.SAMPLES)
        sound = Sound(self._allocate(count, name), count)
        rows = self.frames[sound.first : sound.first + count].reshape(-1)
        rows[: len(data)] = data
        rows[len(data) :] = g711.ALAW_SILENCE
        return sound

    def _allocate(self, count: int, name: str) -> int:
        while True:
            for number, (first, free) in enumerate(self._free):
                if free >= count:
                    self._free[number] = (first + count, free - count)
                    return first
            self._forget_oldest(name)

    def _forget_oldest(self, name: str) -> None:
        """Give back the rows of the file that nobody plays and that was used longest ago."""
        idle = [(sound.used, key) for key, sound in self._files.items() if sound.users == 0]
        if not idle:
            raise UnknownSound(f"no room for {name!r}: everything in memory is being played")
        self._forget(min(idle)[1])

    def _forget_recordings(self) -> None:
        for key in [key for key, sound in self._files.items() if sound.once and sound.users == 0]:
            self._forget(key)

    def _forget(self, key: str) -> None:
        sound = self._files.pop(key)
        merged: list[tuple[int, int]] = []
        for first, count in sorted([*self._free, (sound.first, sound.count)]):
            if merged and sum(merged[-1]) == first:
                merged[-1] = (merged[-1][0], merged[-1][1] + count)
            elif count:
                merged.append((first, count))
        self._free = merged
