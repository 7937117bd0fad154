"""The files of calls that are up: whole or not there, whatever happens in the middle of a write."""

import os
from pathlib import Path

import pytest

from pbx.store.kept_calls import SUFFIX, KeptCalls

pytestmark = pytest.mark.row("R33")


def test_what_was_written_is_read_by_the_next_start(tmp_path: Path) -> None:
    kept = KeptCalls(tmp_path / "calls1.1.up")
    assert kept.read() == {}
    kept.write("one", {"state": 1, "sdp": "v=0\r\n"})
    kept.write("two", {"state": 1})
    kept.write("one", {"state": 2, "sdp": "v=0\r\n"})
    kept.drop("two")
    again = KeptCalls(tmp_path / "calls1.1.up")
    assert again.read() == {"one": {"state": 2, "sdp": "v=0\r\n"}}
    again.write("one", {"state": 3})  # goes on being replaced as a whole
    again.drop("one")
    again.drop("one")
    assert KeptCalls(tmp_path / "calls1.1.up").read() == {}
    assert list((tmp_path / "calls1.1.up").iterdir()) == []


def test_a_torn_file_is_passed_over_and_a_torn_replacement_leaves_the_old_one(tmp_path: Path) -> None:
    kept = KeptCalls(tmp_path)
    kept.write("first", {"state": 1})
    kept.write("torn", {"state": 1})
    path = tmp_path / f"torn{SUFFIX}"
    path.write_bytes(path.read_bytes()[:-3])
    (tmp_path / "first").write_bytes(b"00000000 {")  # killed before the rename
    assert KeptCalls(tmp_path).read() == {"first": {"state": 1}}
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"first{SUFFIX}"]


def test_a_disk_without_room_costs_the_recovery_and_no_call(tmp_path: Path) -> None:
    kept = KeptCalls(tmp_path / "not" / "there")
    kept.write("one", {})
    assert kept.lost == 1
    kept.drop("one")


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    kept = KeptCalls(tmp_path / "up")
    kept.read()
    kept.write("one", {})
    assert os.stat(tmp_path / "up").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "up" / f"one{SUFFIX}").st_mode & 0o777 == 0o600
