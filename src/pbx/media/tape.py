"""A recorded call from what rtpengine wrote of it: packets in, two channels of A-law at 8 kHz out, a side each.

The call process says which ports of the relay are heard on which side from when on (`Moment`); what came to a port at
another time was for nobody's ears (a held party talks to itself) and is left out, as are digits, which have a payload
type of their own. Packets are put where their RTP timestamp says, from where the first one of a stream came: what was
lost is silence of the right length. A stream whose clock and arrival are half a second apart begins anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import g711
from pbx.media.decoders import CLOCKS, RATE, NoDecoder, decoder
from pbx.media.pcap import Capture, Stream
from pbx.media.recorded import Gap

ON, PAUSED, STOPPED, OVER = "on", "paused", "stopped", "over"
APART = RATE // 2  # samples between where a packet is put and when it came
ANCHORS = 1000  # of one stream; a sender whose clock jumps more often is put where it came
UNHEARD = 1.0  # seconds without a packet of anybody, at an end of what was recorded, that were lost
BETWEEN = 0.05  # seconds between two files that are told as lost

Codecs = Mapping[int, str]  # payload type → name


@dataclass(frozen=True, slots=True)
class Moment:
    """How it is from `at` (seconds of UTC) on: recorded or not, and who is heard on which side, by port."""

    at: float
    state: str  # ON, PAUSED, STOPPED, OVER
    sides: tuple[Mapping[int, Codecs], Mapping[int, Codecs]]
    policies: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Moment:
        """Of what the call process has told. Raises KeyError, TypeError and ValueError."""
        left, right = (
            {int(port): {int(kind): str(name) for kind, name in codecs.items()} for port, codecs in line[side].items()}
            for side in ("left", "right")
        )
        return cls(line["at"] / 1000, str(line["is"]), (left, right), line["policies"], line["about"])


@dataclass(frozen=True, slots=True)
class Span:
    """One recording of the call: of this policy, from when to when, and what is missing in between (UTC)."""

    policy: str
    start: float
    end: float
    gaps: tuple[Gap, ...]  # seconds from `start`


def spans(moments: Sequence[Moment], captures: Sequence[Capture]) -> list[Span]:
    """What there is to cut out, a policy each. Without a last word the call ended with its last packet."""
    if not moments:
        return []
    heard = [capture for capture in captures if capture.last]
    last = max([moments[-1].at, *(capture.last for capture in heard)])
    ends = [moment.at for moment in moments[1:]] + [last if moments[-1].state != OVER else moments[-1].at]
    pieces = [(moment, end) for moment, end in zip(moments, ends, strict=True) if end > moment.at]
    found = []
    for policy in dict.fromkeys(name for moment in moments for name in moment.policies):
        own = [(moment, end) for moment, end in pieces if policy in moment.policies]
        on = [(moment.at, end) for moment, end in own if moment.state == ON]
        if not on:
            continue
        start, end = on[0][0], on[-1][1]
        gaps = [(moment.at, until, moment.state) for moment, until in own if moment.state != ON and until <= end]
        gaps += [(since, until, "lost") for since, until in _lost(_joined(on), heard)]
        told = [
            Gap(max(0.0, since - start), until - start, why)
            for since, until, why in sorted(_whole(gaps))
            if until > start
        ]
        found.append(Span(policy, start, end, tuple(told)))
    return found


def sound(moments: Sequence[Moment], captures: Sequence[Capture], start: float, end: float) -> NDArray[np.uint8]:
    """The two channels, a row each, from `start` to `end` (seconds of UTC)."""
    channels = np.full((2, max(0, round((end - start) * RATE))), g711.ALAW_SILENCE, np.uint8)
    for capture in sorted(captures, key=lambda one: one.first):
        for stream in capture.streams.values():
            _put(channels, stream, moments, start)
    return channels


def _put(channels: NDArray[np.uint8], stream: Stream, moments: Sequence[Moment], start: float) -> None:
    codecs = [side.get(stream.port) for moment in moments for side in moment.sides]
    codec = next((one[stream.payload] for one in codecs if one and stream.payload in one), "").upper()
    if codec not in CLOCKS:  # digits, comfort noise, or a port of somebody else
        return
    arrived = stream.arrived
    at = np.searchsorted(np.array([moment.at for moment in moments]), arrived, side="right") - 1
    heard_on = np.array([_side(moment, stream.port) for moment in moments], np.int8)
    side = np.where(at >= 0, heard_on[np.maximum(at, 0)], -1)
    places = _places(arrived - start, stream.stamps, CLOCKS[codec])
    begin = 0
    for sounds in _decoded(stream, codec):
        end = begin + len(sounds)
        _write(channels, side[begin:end], places[begin:end], sounds)
        begin = end


def _decoded(stream: Stream, codec: str) -> Iterator[NDArray[np.uint8]]:
    """The packets as A-law, a row each, in pieces of rows of one length."""
    if codec == "PCMA":
        yield from (piece.sounds for piece in stream.pieces)
    elif codec == "PCMU":
        yield from (g711.ULAW_TO_ALAW[piece.sounds] for piece in stream.pieces)
    else:
        with contextlib.suppress(NoDecoder):
            decode = decoder(codec)
            for piece in stream.pieces:  # all of them, in order: a decoder remembers
                for row in piece.sounds:
                    yield np.frombuffer(decode(row.tobytes()), np.uint8)[None, :]


def _write(
    channels: NDArray[np.uint8], side: NDArray[np.int8], places: NDArray[np.int64], sounds: NDArray[np.uint8]
) -> None:
    length = sounds.shape[1]
    rows = np.flatnonzero((side >= 0) & (places >= 0) & (places + length <= channels.shape[1]))
    if length == 0 or not len(rows):
        return
    for number in (0, 1):
        mine = rows[side[rows] == number]
        if len(mine):
            channels[number, places[mine][:, None] + np.arange(length)] = sounds[mine]


def _side(moment: Moment, port: int) -> int:
    """On which side a port is heard, -1: on none."""
    if moment.state != ON:
        return -1
    return next((side for side in (0, 1) if port in moment.sides[side]), -1)


def _places(arrived: NDArray[np.float64], stamps: NDArray[np.uint32], clock: int) -> NDArray[np.int64]:
    """In which sample each packet begins."""
    came = np.round(arrived * RATE).astype(np.int64)
    steps = np.diff(stamps).astype(np.uint32).view(np.int32).astype(np.int64)
    clocks = np.concatenate([[0], np.cumsum(steps)]) * RATE // clock
    begin = 0
    places: NDArray[np.int64] = clocks + came[0]
    for _ in range(ANCHORS):
        off = np.flatnonzero(np.abs(came[begin:] - places[begin:]) > APART)
        if not len(off):
            return places
        begin += int(off[0])
        places[begin:] += came[begin] - places[begin]
    places[begin:] = came[begin:]
    return places


def _joined(pieces: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Neighbours in time as one."""
    found: list[tuple[float, float]] = []
    for start, end in pieces:
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _lost(on: Sequence[tuple[float, float]], captures: Sequence[Capture]) -> list[tuple[float, float]]:
    """Where nothing was written that should have been: between two files, and at the ends."""
    found = []
    for start, end in on:
        inside = sorted((c.first, c.last) for c in captures if c.last > start and c.first < end)
        if not inside:
            found.append((start, end))
            continue
        if inside[0][0] - start > UNHEARD:
            found.append((start, inside[0][0]))
        for (_, until), (since, _) in pairwise(inside):
            if since - until > BETWEEN:
                found.append((until, since))
        if end - inside[-1][1] > UNHEARD:
            found.append((inside[-1][1], end))
    return found


def _whole(gaps: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Neighbours for the same reason as one."""
    found: list[tuple[float, float, str]] = []
    for since, until, why in sorted(gaps):
        if found and found[-1][1:] == (since, why):
            found[-1] = found[-1][0], until, why
        else:
            found.append((since, until, why))
    return found
