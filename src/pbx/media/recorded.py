"""A finished recording in a host's spool: made of a call's packets, or of a room's sound, for whoever keeps it.

One folder per recording, `<spool>/<id>/`: `sound.wav` and, last of all and by rename, `about.json`. A folder with
`about.json` is whole and belongs to whoever stores it; one without is still being made and is made again from its
beginning after a kill. The spool is in memory (tmpfs, 0700): the sound in it is in clear.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

SOUND = "sound.wav"
ABOUT = "about.json"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

Store = Literal["local", "s3"]


class NotARecording(ValueError):
    """`about.json` is missing, is no JSON, or says less than it must."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Where sound is missing: seconds from the start of the recording, and why (`paused`, `lost`)."""

    start: float
    end: float
    why: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What is told of a recording. One set per call and policy; a room's has no caller and perhaps no policy."""

    id: str
    tenant: str
    call_id: str
    policy: str
    started: datetime  # of its first sample
    length: float  # seconds
    direction: str  # inbound | outbound | internal
    caller: str  # E.164 or extension, "" for hidden
    called: str
    people: tuple[str, ...] = ()  # ids of the users who took part
    gaps: tuple[Gap, ...] = ()
    announced: bool = False  # both sides that had to hear the announcement have heard it
    store: Store = "local"
    retain: float | None = None  # seconds; None: until it is erased
    listen: tuple[str, ...] = field(default=())  # ids of roles

    def __post_init__(self) -> None:
        if not is_id(self.id):
            raise NotARecording(f"{self.id!r} is no id of a recording")

    def to_json(self) -> bytes:
        return orjson.dumps(
            {
                "id": self.id,
                "tenant": self.tenant,
                "call_id": self.call_id,
                "policy": self.policy,
                "started": self.started.astimezone(UTC).isoformat(),
                "length": round(self.length, 3),
                "direction": self.direction,
                "caller": self.caller,
                "called": self.called,
                "people": list(self.people),
                "gaps": [{"from": round(gap.start, 3), "to": round(gap.end, 3), "why": gap.why} for gap in self.gaps],
                "announced": self.announced,
                "store": self.store,
                "retain": self.retain,
                "listen": list(self.listen),
            },
            option=orjson.OPT_INDENT_2,
        )

    @classmethod
    def from_json(cls, told: bytes) -> Recording:
        """Raises NotARecording."""
        try:
            data: dict[str, Any] = orjson.loads(told)
            gaps = tuple(Gap(float(gap["from"]), float(gap["to"]), str(gap["why"])) for gap in data["gaps"])
            started = datetime.fromisoformat(data["started"])
            if started.tzinfo is None or data["store"] not in ("local", "s3"):
                raise NotARecording("started has no zone, or store is neither local nor s3")
            return cls(
                id=str(data["id"]),
                tenant=str(data["tenant"]),
                call_id=str(data["call_id"]),
                policy=str(data["policy"]),
                started=started,
                length=float(data["length"]),
                direction=str(data["direction"]),
                caller=str(data["caller"]),
                called=str(data["called"]),
                people=tuple(data["people"]),
                gaps=gaps,
                announced=bool(data["announced"]),
                store=data["store"],
                retain=None if data["retain"] is None else float(data["retain"]),
                listen=tuple(data["listen"]),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise NotARecording(f"{ABOUT} is not what a recording says: {error}") from error


def is_id(text: str) -> bool:
    """May it name a recording, and so a folder?"""
    return _ID.fullmatch(text) is not None


def begin(spool: Path, recording: str) -> Path:
    """The folder of a recording that is about to be made, empty: what a killed process left there is gone. Raises
    FileExistsError when the recording is whole, NotARecording for an id that cannot be one, OSError."""
    if not is_id(recording):
        raise NotARecording(f"{recording!r} is no id of a recording")
    folder = spool / recording
    if (folder / ABOUT).exists():
        raise FileExistsError(f"recording {recording} is whole")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def finish(folder: Path, recording: Recording) -> None:
    """`sound.wav` is written: from here on the recording is whole. Raises OSError."""
    _sync(folder / SOUND)
    told = folder / f"{ABOUT}.new"
    told.write_bytes(recording.to_json())
    _sync(told)
    told.rename(folder / ABOUT)
    _sync(folder)


def read(folder: Path) -> Recording:
    """Raises NotARecording, also when the folder is not whole."""
    try:
        return Recording.from_json((folder / ABOUT).read_bytes())
    except OSError as error:
        raise NotARecording(f"{folder.name}: {error.strerror}") from error


def whole(spool: Path) -> Iterator[Path]:
    """The folders of recordings that are whole, the oldest first."""
    found = ((folder / ABOUT, folder) for folder in spool.iterdir() if is_id(folder.name))
    for _, folder in sorted((about.stat().st_mtime_ns, folder) for about, folder in found if about.exists()):
        yield folder


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
