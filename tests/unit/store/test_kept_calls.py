"""The log of the calls of a process: whole or as before, whatever happens in the middle of a write."""

import os
from pathlib import Path

import pytest

from pbx.store import kept_calls
from pbx.store.kept_calls import NAME, KeptCalls

pytestmark = pytest.mark.row("R33")


def begun(folder: Path) -> KeptCalls:
    kept = KeptCalls(folder)
    kept.read()
    return kept


def test_what_was_written_is_read_by_the_next_start(tmp_path: Path) -> None:
    kept = KeptCalls(tmp_path / "calls1.1.up")
    assert kept.read() == {}
    kept.write("one", {"state": 1, "sdp": "v=0\r\n"})
    kept.write("two", {"state": 1})
    kept.write("one", {"state": 2, "sdp": "v=0\r\n"})
    kept.drop("two")
    again = KeptCalls(tmp_path / "calls1.1.up")
    assert again.read() == {"one": {"state": 2, "sdp": "v=0\r\n"}}
    again.write("one", {"state": 3})
    again.drop("one")
    again.drop("one")
    assert KeptCalls(tmp_path / "calls1.1.up").read() == {}
    assert (tmp_path / "calls1.1.up" / NAME).stat().st_size == 0


def test_a_line_that_was_cut_leaves_the_one_before(tmp_path: Path) -> None:
    kept = begun(tmp_path)
    kept.write("one", {"state": 1})
    kept.write("two", {"state": 1})
    kept.write("one", {"state": 2})
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-3])
    assert KeptCalls(tmp_path).read() == {"one": {"state": 1}, "two": {"state": 1}}


def test_a_damaged_line_hides_no_other(tmp_path: Path) -> None:
    kept = begun(tmp_path)
    kept.write("one", {"state": 1})
    kept.write("two", {"state": 1})
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(b'{"id":"one"', b'{"id":"oNe"', 1))
    assert KeptCalls(tmp_path).read() == {"two": {"state": 1}}


def test_a_file_of_calls_that_are_over_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_calls, "MOST_WASTE", 10_000)
    kept = begun(tmp_path)
    kept.write("long", {"talks": "x" * 100})
    sizes = []
    for number in range(200):
        kept.write(f"short{number}", {"sdp": "y" * 1000})
        kept.drop(f"short{number}")
        sizes.append((tmp_path / NAME).stat().st_size)
    assert max(sizes) < 14_000
    kept.write("long", {"talks": "z"})
    assert KeptCalls(tmp_path).read() == {"long": {"talks": "z"}}


def test_a_disk_without_room_costs_the_recovery_and_no_call(tmp_path: Path) -> None:
    kept = begun(tmp_path)
    kept.write("one", {"state": 1})
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, kept._fd)  # type: ignore[arg-type]
    kept.write("one", {"state": 2})
    kept.write("two", {"state": 1})
    assert kept.lost == 2
    kept.drop("one")
    assert KeptCalls(tmp_path).read() == {"one": {"state": 1}}


def test_without_room_at_the_start_the_log_of_before_goes_on(tmp_path: Path) -> None:
    begun(tmp_path).write("one", {"state": 1})
    (tmp_path / "calls.new").mkdir()  # the new file cannot be made
    kept = KeptCalls(tmp_path)
    assert kept.read() == {"one": {"state": 1}}
    kept.write("two", {"state": 1})
    kept.drop("one")
    assert kept_calls.read(tmp_path) == {"two": {"state": 1}}


def test_another_process_takes_calls_over(tmp_path: Path) -> None:
    kept = begun(tmp_path)
    for name in ("one", "two"):
        kept.write(name, {"state": 1})
    assert kept_calls.read(tmp_path) == {"one": {"state": 1}, "two": {"state": 1}}
    kept_calls.take(tmp_path, ["one"])
    kept.write("two", {"state": 2})  # the process was only stopped, and goes on with the other call
    assert kept_calls.read(tmp_path) == {"two": {"state": 2}}
    assert kept_calls.read(tmp_path / "of nobody") == {}


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    begun(tmp_path / "up").write("one", {})
    assert os.stat(tmp_path / "up").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "up" / NAME).st_mode & 0o777 == 0o600
