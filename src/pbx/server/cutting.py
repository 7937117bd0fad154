"""The finished recordings of one call, cut out of what rtpengine wrote of it: files in, files out.

Done twice it leaves the same: a recording that is whole is left alone, one that is not is made anew.
"""

from __future__ import annotations

import contextlib
import glob
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from pbx.media import pcap, recorded, tape, wav_file
from pbx.media.recorded import Recording

Lines = dict[int, dict[str, Any]]


def make(folder: Path, session: str) -> list[str]:
    """Make the recordings of a call that is over; returns their ids. Raises OSError: nothing is lost then."""
    set_aside(folder)
    lines = lines_of(folder / "tapes" / f"{session}.jsonl")
    moments = [tape.Moment.of(line) for _, line in sorted(lines.items())]
    captures = [pcap.read(path.read_bytes()) for path in _pcaps(folder, session)]
    if not any(capture.last for capture in captures):
        return []  # not a packet: there is nothing to keep
    made = []
    for span in tape.spans(moments, captures):
        policy = moments[-1].policies.get(span.policy) or next(
            moment.policies[span.policy] for moment in reversed(moments) if span.policy in moment.policies
        )
        recording = _recording(policy, moments[-1].about, span)
        try:
            place = recorded.begin(folder / "finished", recording.id)
        except FileExistsError:
            continue
        sound = tape.sound(moments, captures, span.start, span.end)
        (place / recorded.SOUND).write_bytes(wav_file.of_alaw(sound.T.tobytes(), channels=2))
        recorded.finish(place, recording)
        made.append(recording.id)
    return made


def _recording(policy: dict[str, Any], about: dict[str, Any] | Any, span: tape.Span) -> Recording:
    return Recording(
        id=f"{about['call_id']}.{span.policy}",
        tenant=about["tenant"],
        call_id=about["call_id"],
        policy=span.policy,
        started=datetime.fromtimestamp(span.start, UTC),
        length=round(span.end - span.start, 3),
        direction=about["direction"],
        caller=about["caller"] or "",
        called=about["called"] or "",
        people=tuple(about["people"]),
        gaps=span.gaps,
        announced=policy["announced"],
        store=policy["store"],
        retain=policy["retain"],
        listen=tuple(policy["listen"]),
    )


def set_aside(folder: Path) -> None:
    """Take the files that rtpengine has begun out of its way, while it writes them: when it is killed and has its
    sessions back from Redis, it begins files of the same names, and would write over them. Raises OSError."""
    for path in folder.glob("pcaps/*.pcap"):
        path.rename(folder / "tapes" / f"{path.stem}.{time.time_ns()}.pcap")


def forget(folder: Path, session: str) -> None:
    """What the recordings were made from."""
    for path in [*_pcaps(folder, session), *_told_by_rtpengine(folder, session)]:
        path.unlink(missing_ok=True)
    (folder / "tapes" / f"{session}.jsonl").unlink(missing_ok=True)  # last: until then it is made again


def lines_of(path: Path) -> Lines:
    """What was told, by number. A line that was not written to its end is left out: it is told again."""
    found: Lines = {}
    with contextlib.suppress(FileNotFoundError):
        for text in path.read_bytes().splitlines():
            with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError):
                line = orjson.loads(text)
                found[int(line["number"])] = line
    return found


def is_being_written(folder: Path, session: str) -> bool:
    """rtpengine has a file of the session open, or was killed with it."""
    return bool(_found(folder / "tmp", f"rtpengine-meta-{glob.escape(session)}-*"))


def newest(folder: Path, session: str, line: dict[str, Any]) -> float:
    """When something came of a session last (seconds of UTC)."""
    written = []
    for path in _pcaps(folder, session):
        with contextlib.suppress(OSError):
            written.append(path.stat().st_mtime)
    return max([float(line["at"]) / 1000, *written])


def _pcaps(folder: Path, session: str) -> list[Path]:
    return _found(folder / "tapes", f"{glob.escape(session)}-{'[0-9a-f]' * 16}.*.pcap")


def _told_by_rtpengine(folder: Path, session: str) -> list[Path]:
    name = f"rtpengine-meta-{glob.escape(session)}-{'[0-9a-f]' * 16}"
    return [*_found(folder / "metadata", f"{name}.txt"), *_found(folder / "tmp", f"{name}.tmp")]


def _found(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda path: (os.stat(path).st_mtime, path.name))
