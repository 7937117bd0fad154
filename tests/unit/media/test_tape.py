"""A recorded call out of packets: a side a channel, what was lost as long as it was, nothing that nobody heard."""

from __future__ import annotations

import struct
from itertools import chain

import numpy as np
import pytest

from pbx.media import g711, pcap, tape
from pbx.media.recorded import Gap
from pbx.media.tape import Moment

pytestmark = pytest.mark.row("R17")

START = 1_796_083_360.0
HOST = bytes([127, 0, 0, 1])
ANNA, BORIS = 40018, 40020
G711 = {0: "PCMU", 8: "PCMA"}


def loud(code: int = 0x2A) -> bytes:
    return bytes([code]) * 160


def packet(
    at: float, port: int, number: int, payload: bytes, *, kind: int = 8, ssrc: int = 1, stamp: int = -1
) -> bytes:
    rtp = struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, (number * 160 if stamp < 0 else stamp) & 0xFFFFFFFF, ssrc)
    udp = struct.pack("!HHHH", 5004, port, 8 + len(rtp) + len(payload), 0)
    ip = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(udp) + len(rtp) + len(payload), 0, 64, 17, 0) + HOST + HOST
    frame = bytes(12) + b"\x08\x00" + ip + udp + rtp + payload
    return struct.pack("<IIII", int(at), round(at % 1 * 1e6) % 1_000_000, len(frame), len(frame)) + frame


def said(port: int, begin: float, frames: range, **how: object) -> list[tuple[float, bytes]]:
    """Frames of 20 ms, the first of which comes at `begin` (seconds after START)."""
    return [
        (START + begin + 0.02 * (number - frames[0]), packet(START + begin + 0.02 * (number - frames[0]), port, number,
                                                              loud(), **how))  # type: ignore[arg-type]
        for number in frames
    ]  # fmt: skip


def capture(*streams: list[tuple[float, bytes]]) -> pcap.Capture:
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    return pcap.read(header + b"".join(each for _, each in sorted(chain(*streams))))


def moment(after: float, state: str = "on", left: int = ANNA, right: int = BORIS, policies: str = "all") -> Moment:
    sides = ({left: G711}, {right: G711})
    return Moment(START + after, state, sides, {name: {} for name in policies.split()}, {})


def heard(channels: np.ndarray, side: int) -> list[tuple[float, float]]:  # type: ignore[type-arg]
    """When this side is not silent, in seconds."""
    on = np.concatenate([[False], channels[side] != g711.ALAW_SILENCE, [False]])
    edges = np.flatnonzero(np.diff(on.astype(np.int8))) / 8000
    return [(round(float(a), 3), round(float(b), 3)) for a, b in edges.reshape(-1, 2)]


def test_each_side_is_on_its_channel_and_what_was_lost_is_silence() -> None:
    anna = said(ANNA, 0.1, range(50))
    del anna[20:30]  # ten packets
    taken = capture(anna, said(BORIS, 0.5, range(7, 32), ssrc=2))
    channels = tape.sound([moment(0), moment(2, "over")], [taken], START, START + 2)
    assert channels.shape == (2, 16000)
    assert heard(channels, 0) == [(0.1, 0.5), (0.7, 1.1)]
    assert heard(channels, 1) == [(0.5, 1.0)]


def test_timestamps_count_not_arrival_and_wrap_around() -> None:
    late = [(at + (0.15 if number % 3 else 0), each) for number, (at, each) in enumerate(said(ANNA, 0.1, range(10)))]
    frames = [(at, packet(at, ANNA, n, loud(), stamp=(2**32 - 480 + 160 * n))) for n, (at, _) in enumerate(late)]
    channels = tape.sound([moment(0), moment(1, "over")], [capture(frames)], START, START + 1)
    assert heard(channels, 0) == [(0.1, 0.3)]


def test_a_stream_whose_clock_jumps_is_put_where_it_comes() -> None:
    jumped = said(ANNA, 0.0, range(10)) + said(ANNA, 0.5, range(90_000, 90_010))
    channels = tape.sound([moment(0), moment(1, "over")], [capture(jumped)], START, START + 1)
    assert heard(channels, 0) == [(0.0, 0.2), (0.5, 0.7)]


def test_who_is_not_heard_by_anybody_is_not_in_it() -> None:
    """A held party talks to itself while the other hears music; digits have a payload type of their own."""
    music = said(41000, 1.0, range(50), ssrc=3)
    digits = said(BORIS, 0.2, range(5), ssrc=2, kind=101)
    taken = capture(said(ANNA, 0.0, range(150)), said(BORIS, 0.0, range(150), ssrc=2), music, digits)
    held = Moment(START + 1, "on", ({41000: G711}, {}), {"all": {}}, {})
    channels = tape.sound([moment(0), held, moment(2), moment(3, "over")], [taken], START, START + 3)
    assert heard(channels, 1) == [(0.0, 1.0), (2.0, 3.0)]
    assert heard(channels, 0) == [(0.0, 3.0)]  # anna, the music, anna


def test_ulaw_is_turned_into_alaw() -> None:
    pcm = (1000 * np.sin(np.arange(160) / 3)).astype(np.int16)
    ulaw = g711.PCM_TO_ULAW[pcm.view(np.uint16)].tobytes()
    taken = capture([(START, packet(START, ANNA, 0, ulaw, kind=0))])
    channels = tape.sound([moment(0), moment(1, "over")], [taken], START, START + 1)
    decoded = g711.ALAW_TO_PCM[channels[0, :160]]
    assert np.abs(decoded.astype(int) - pcm).max() < 60


@pytest.mark.parametrize(("cut", "left"), [(slice(0, -50), 9), (slice(0, 24 + 3 * 230 + 100), 3)])
def test_a_file_that_was_cut_short_is_read_to_there(cut: slice, left: int) -> None:
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    data = header + b"".join(each for _, each in said(ANNA, 0, range(10)))
    (stream,) = pcap.read(data[cut]).streams.values()
    assert len(stream.stamps) == left


def test_a_hole_in_a_file_costs_what_was_in_it() -> None:
    """The folder was full for a while: part of a frame is missing, the next ones are there."""
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    frames = [each for _, each in said(ANNA, 0, range(10))]
    data = header + b"".join(frames[:4]) + frames[4][:120] + b"".join(frames[6:])
    (stream,) = pcap.read(data).streams.values()
    assert stream.stamps.tolist() == [0, 160, 320, 480, 960, 1120, 1280, 1440]
    assert pcap.read(b"nothing of the kind" * 100).streams == {}


def test_what_was_paused_and_what_was_lost_is_told() -> None:
    first = capture(said(ANNA, 0.0, range(100)))  # 2 s
    second = capture(said(ANNA, 3.0, range(50)))  # rtpengine was killed
    third = capture(said(ANNA, 6.0, range(50)))  # after a pause
    moments = [moment(0), moment(4, "paused"), moment(6), moment(7, "over")]
    (span,) = tape.spans(moments, [first, second, third])
    assert (span.policy, span.start - START, span.end - START) == ("all", 0.0, 7.0)
    assert [(round(gap.start, 2), round(gap.end, 2), gap.why) for gap in span.gaps] == [
        (1.98, 3.0, "lost"),
        (4.0, 6.0, "paused"),
    ]


def test_each_policy_has_its_own_beginning_and_end() -> None:
    taken = capture(said(ANNA, 0.0, range(500)))
    moments = [
        moment(0, policies="always"),
        moment(4, policies="always wanted"),
        moment(8, "stopped", policies="always wanted"),
        moment(9, "over", policies="always wanted"),
    ]
    always, wanted = tape.spans(moments, [taken])
    assert (always.start - START, always.end - START) == (0, 8)
    assert (wanted.start - START, wanted.end - START, wanted.gaps) == (4, 8, ())


def test_a_call_whose_end_nobody_told_ends_with_its_last_packet() -> None:
    (span,) = tape.spans([moment(0)], [capture(said(ANNA, 0.0, range(101)))])
    assert round(span.end - START, 2) == 2.0


def test_nothing_was_written_for_a_while_at_the_beginning() -> None:
    (span,) = tape.spans([moment(0), moment(10, "over")], [capture(said(ANNA, 4.0, range(300)))])
    assert span.gaps == (Gap(0.0, 4.0, "lost"),)


@pytest.mark.parametrize("codec", ["G722", "OPUS"])
def test_other_codecs_are_decoded_by_the_libraries_of_rtpengine(codec: str) -> None:
    decode = tape.decoder(codec)
    if codec == "G722":
        assert len(decode(b"\xfa" * 160)) == 160
    else:
        assert len(decode(b"\xf8\xff\xfe")) == 160  # 20 ms of silence (RFC 6716 §3.1: TOC, one frame)
