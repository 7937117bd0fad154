"""The engine without its loop: a test calls `tick` itself, so that minutes of a call take milliseconds."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.media.conftest import free_port_pair

from pbx.media import g711, rtcp
from pbx.media.engine import Engine
from pbx.media.legs import NoRoom
from pbx.media.library import ENDLESS, Library, UnknownSound


class Bench:
    """An engine and one peer: an RTP socket and the RTCP socket above it."""

    def __init__(self, folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.engine = Engine(
            "127.0.0.1", free_port_pair(), folder, lambda owner, event: self.events.append(event), capacity=16
        )
        port = free_port_pair()
        self.rtp, self.rtcp = _bound(port), _bound(port + 1)
        self.remote = ("127.0.0.1", port)
        self.number = 65_530  # wraps soon

    def send(self, count: int = 1, *, ssrc: int = 7) -> None:
        for _ in range(count):
            self.number += 1
            head = struct.pack(">BBHII", 0x80, 8, self.number & 0xFFFF, self.number * 160 & 0xFFFFFFFF, ssrc)
            self.rtp.sendto(head + b"\xd5" * 160, ("127.0.0.1", self.engine.port))

    def heard(self) -> list[bytes]:
        packets = []
        while True:
            try:
                packets.append(self.rtp.recv(2048))
            except BlockingIOError:
                return packets

    def close(self) -> None:
        self.engine.close()
        self.rtp.close()
        self.rtcp.close()


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    sock.setblocking(False)
    return sock


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def prompt(folder: Path, name: str, frames: int, value: int) -> dict[str, str]:
    (folder / name).write_bytes(bytes([value]) * (frames * 160))
    return {"file": name}


# --- RTCP -------------------------------------------------------------------------------------------------------------


def test_reports_tell_what_was_sent_and_lost(bench: Bench) -> None:
    bench.engine.add("x", "a", bench.remote, 8, 101)
    for tick in range(rtcp.EVERY):
        if tick % 5 != 1:  # one in five is lost, the second packet first
            bench.send()
        else:
            bench.number += 1
        bench.engine.tick()
    report = bench.rtcp.recv(2048)
    first, kind, words, ssrc, _ntp, timestamp, packets, octets = rtcp._SENDER.unpack_from(report)
    assert (first, kind, words) == (0x81, rtcp.SR, 12)
    last = bench.heard()[-1]
    assert (ssrc, timestamp) == struct.unpack(">II", last[8:12] + last[4:8])
    assert (packets, octets) == (rtcp.EVERY, rtcp.EVERY * 160)
    source, lost, highest, jitter, _, _ = rtcp._BLOCK.unpack_from(report, 28)
    assert source == 7
    assert lost & 0xFFFFFF == 50 and abs((lost >> 24) - 51) <= 1
    assert highest == bench.number  # 65,531 … over the wrap
    assert jitter == 0
    assert report[52:54] == bytes((0x81, rtcp.SDES))


def test_the_peer_can_measure_the_round_trip(bench: Bench) -> None:
    bench.engine.add("x", "a", bench.remote, 8, 101)
    bench.send()
    bench.engine.tick()
    stamp = rtcp.ntp(1_700_000_000.5)
    bench.rtcp.sendto(rtcp.report(7, 0, 1, 160, None, stamp), ("127.0.0.1", bench.engine.port + 1))
    bench.rtcp.sendto(b"\x80\xc8\x00\x06rubbish", ("127.0.0.1", bench.engine.port + 1))
    bench.engine.reports.take()
    for _ in range(rtcp.EVERY):
        bench.engine.tick()
    last_sr, delay = struct.unpack_from(">II", bench.rtcp.recv(2048), 44)
    assert last_sr == stamp >> 16 & 0xFFFFFFFF
    assert 0 < delay < 60 * 65536


def test_a_removed_leg_says_goodbye_and_is_silent(bench: Bench) -> None:
    bench.engine.add("x", "a", bench.remote, 8, None)
    bench.engine.tick()
    bench.engine.remove("a")
    bench.engine.remove("a")
    assert bytes((0x81, rtcp.BYE)) in bench.rtcp.recv(2048)
    bench.heard()
    bench.engine.tick()
    assert not bench.heard()


def test_reading_reports_survives_anything() -> None:
    whole = rtcp.report(1, 2, 3, 4, rtcp.Reception(5, 6, 7, 8, 9), rtcp.ntp(0.0))
    assert rtcp.last_sender_report(whole) == (1, rtcp.ntp(0.0) >> 16 & 0xFFFFFFFF)
    for cut in range(len(whole)):
        rtcp.last_sender_report(whole[:cut])
    assert rtcp.last_sender_report(b"\x80\xc9\x00\x01abcd" + whole) is not None
    assert rtcp.last_sender_report(b"\x00" * 100) is None


# --- playing ----------------------------------------------------------------------------------------------------------


def test_a_skip_leaves_sound_and_clock_out_together(bench: Bench, tmp_path: Path) -> None:
    bench.engine.add("x", "a", bench.remote, 8, None)
    items = [prompt(tmp_path, "one", 5, 1), prompt(tmp_path, "two", 5, 2), prompt(tmp_path, "three", 5, 3)]
    bench.engine.play("a", "p", items, False, 0.0)
    bench.engine.tick()
    bench.engine.skip(7)
    for _ in range(4):
        bench.engine.tick()
    packets = bench.heard()
    assert [each[12] for each in packets] == [1, 2, 2, 3, 3]
    steps = [struct.unpack(">HI", each[2:8]) for each in packets]
    assert (steps[1][0] - steps[0][0]) & 0xFFFF == 1
    assert (steps[1][1] - steps[0][1]) & 0xFFFFFFFF == 8 * 160
    bench.engine.skip(3)
    assert bench.events == [{"event": "played", "leg": "a", "play": "p", "reason": "end"}]


@pytest.mark.parametrize(("skip", "first"), [(0.0, 1), (0.1, 2), (0.18, 2), (0.2, 1), (1.3, 2)])
def test_a_loop_begins_where_it_would_be(bench: Bench, tmp_path: Path, skip: float, first: int) -> None:
    bench.engine.add("x", "a", bench.remote, 8, None)
    bench.engine.play("a", "p", [prompt(tmp_path, "one", 5, 1), prompt(tmp_path, "two", 5, 2)], True, skip)
    for _ in range(30):
        bench.engine.tick()
    heard = [each[12] for each in bench.heard()]
    assert heard[0] == first and set(heard) == {1, 2}


def test_seconds_cut_an_item_or_repeat_it(bench: Bench, tmp_path: Path) -> None:
    bench.engine.add("x", "a", bench.remote, 8, None)
    sound = prompt(tmp_path, "one", 4, 1)
    bench.engine.play("a", "p", [{**sound, "seconds": 0.2}, {"tone": "busy", "seconds": 0.04}], False, 0.0)
    for _ in range(20):
        bench.engine.tick()
    heard = [each[12:] for each in bench.heard()]
    assert [frame[:1] for frame in heard[:10]] == [b"\1"] * 10
    assert all(set(frame) != {0xD5} for frame in heard[10:12]) and all(set(frame) == {0xD5} for frame in heard[12:])


def test_the_same_play_twice_is_one(bench: Bench, tmp_path: Path) -> None:
    bench.engine.add("x", "a", bench.remote, 8, None)
    item = prompt(tmp_path, "one", 2, 1)
    for _ in range(2):
        bench.engine.play("a", "p", [item], False, 0.0)
        bench.engine.tick()
    bench.engine.play("a", "p", [item], False, 0.0)
    bench.engine.tick()
    assert [each[12] for each in bench.heard()] == [1, 1, 0xD5]
    assert len(bench.events) == 1


def test_a_leg_may_move_and_may_take_anothers_address(bench: Bench) -> None:
    elsewhere = ("127.0.0.1", free_port_pair())
    bench.engine.add("x", "a", elsewhere, 8, None)
    bench.engine.tick()
    assert not bench.heard()
    bench.engine.add("x", "a", bench.remote, 0, None)
    bench.engine.tick()
    assert bench.heard()[0][1] == 0x80  # PCMU, and the marker of a fresh start
    bench.engine.add("x", "b", bench.remote, 8, None)
    assert list(bench.engine.legs.slots) == ["b"]
    for number in range(15):
        bench.engine.add("x", f"more{number}", ("127.0.0.2", 40000 + 2 * number), 8, None)
    with pytest.raises(NoRoom):
        bench.engine.add("x", "one too many", ("127.0.0.3", 40000), 8, None)


def test_sync_makes_the_legs_of_one_owner_the_wanted_ones(bench: Bench, tmp_path: Path) -> None:
    engine = bench.engine
    engine.add("x", "old", ("127.0.0.2", 40000), 8, None)
    engine.add("y", "of another", ("127.0.0.2", 40002), 8, None)
    play = {"play": "p", "items": [prompt(tmp_path, "one", 5, 1)], "loop": False, "skip": 0.0}
    wanted = {"leg": "new", "remote": list(bench.remote), "payload": 8, "event_payload": 101, "play": play}
    broken = {**wanted, "leg": "broken", "remote": ["127.0.0.2", 40004]}
    broken["play"] = {**play, "play": "q", "items": [{"file": "nosuch"}]}
    for _ in range(3):  # again and again: nothing more happens
        engine.sync("x", [wanted, broken])
        engine.tick()
    assert sorted(engine.legs.slots) == ["broken", "new", "of another"]
    assert [each[12] for each in bench.heard()] == [1, 1, 1]
    assert {(each["play"], each["reason"]) for each in bench.events} == {("q", "gone")}
    for _ in range(3):
        engine.tick()
    engine.sync("x", [wanted])  # it ended while the client was away
    assert bench.events[-1] == {"event": "played", "leg": "new", "play": "p", "reason": "end"}


# --- the library ------------------------------------------------------------------------------------------------------


def test_files_make_room_for_others_unless_they_are_played(tmp_path: Path) -> None:
    library = Library(tmp_path, megabytes=1)  # 6,553 frames, some hundred of them tones
    names = [prompt(tmp_path, name, 2000, number) for number, name in enumerate(("a", "b", "c", "d"), 1)]
    held = library.item(names[0])
    held.sound.users += 1
    for each in names[1:]:
        library.item(each)  # "d" takes the place of "b"
    assert (library.frames[held.sound.first : held.sound.first + 2000] == 1).all()
    item = library.item(names[1])
    assert (library.frames[item.sound.first : item.sound.first + 2000] == 2).all()
    with pytest.raises(UnknownSound, match="no room"):
        library.item(prompt(tmp_path, "huge", 6000, 9))
    held.sound.users -= 1


def test_tones_are_clean_and_of_the_right_length(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for name, frames in (("ringback", 250), ("busy", 35), ("congestion", 35), ("beep", 20)):
        item = library.item({"tone": name})
        assert item.sound.count == frames
        assert (item.frames == ENDLESS) == (name != "beep")
        wave = g711.ALAW_TO_PCM[library.frames[item.sound.first : item.sound.first + frames]].astype(int).ravel()
        assert 7800 <= np.abs(wave).max() <= 8600  # -12 dBFS and the steps of A-law
        assert abs(wave[0]) < 300 and abs(wave[-1]) < 300
    with pytest.raises(UnknownSound):
        library.item({"tone": "dialtone of nowhere"})


def test_an_odd_file_is_filled_up_with_silence(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\1" * 161)
    (tmp_path / "empty").write_bytes(b"")
    library = Library(tmp_path)
    item = library.item({"file": "odd"})
    assert item.frames == 2
    assert library.frames[item.sound.first + 1].tolist() == [1] + [0xD5] * 159
    assert library.item({"file": "empty"}).frames == 0
