"""Messages in the store, sealed (behaviour R12): what replays, what an older word changes, what is swept."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx.store import database, messages, sealed
from pbx.store.drain import Drainer
from pbx.store.journal import Journal

pytestmark = pytest.mark.row("R12")

KEY = sealed.key_of("a secret of this test alone")
NOW = 1_796_000_000_000


def row(name: str, state: str = "new", changed: int = NOW) -> dict[str, object]:
    return {
        "id": name, "tenant": "t", "box": "anna", "caller": None, "name": "", "origin": "c", "born": NOW,
        "length": 1000, "state": state, "author": "c", "changed": changed, "sealed_with": sealed.name_of(KEY),
    }  # fmt: skip


def spoken(folder: Path, name: str, *pieces: bytes) -> Path:
    seal = sealed.Seal(KEY, name)
    file = folder / f"{name}.message"
    file.write_bytes(b"".join(seal.piece(piece) for piece in pieces))
    return file


def test_the_drainer_ships_row_and_sound_once_and_clears_the_spool(tmp_path: Path) -> None:
    file = spoken(tmp_path, "m1", b"abc", b"def")
    file.with_suffix(".json").write_text("{}")
    journal = Journal(tmp_path / "journal", node="n.1", boot="000000000001")
    for _ in range(2):  # the second time by a process that came after a kill
        journal.append("message", {"message": row("m1"), "file": str(file)})
    journal.append("message_is", {"id": "m1", "state": "saved", "author": "user/anna", "changed": NOW + 5})
    journal.append("message_is", {"id": "m1", "state": "new", "author": "late", "changed": NOW + 3})
    journal.close()
    db = database.connect(tmp_path / "store.sqlite")
    Drainer(tmp_path / "journal", db).drain()
    (known,) = messages.since(db)
    assert (known["state"], known["author"]) == ("saved", "user/anna")
    sound = messages.sound_of(db, "m1")
    assert sound is not None and sealed.opened(KEY, "m1", sound) == b"abcdef"
    assert [*tmp_path.glob("m1*")] == []


def test_deleted_ones_are_swept_a_day_later_with_their_sound(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    for name, state in (("a", "new"), ("b", "deleted"), ("c", "deleted")):
        changed = NOW - messages.KEPT_DELETED if name == "c" else NOW
        messages.keep(db, row(name, state, changed), str(spoken(tmp_path, name, b"x")))
    assert messages.sweep(db, NOW + 1) == 1
    assert sorted(one["id"] for one in messages.since(db)) == ["a", "b"]
    assert messages.sound_of(db, "c") is None and messages.sound_of(db, "b") is not None


def test_a_torn_file_is_whole_up_to_its_last_piece(tmp_path: Path) -> None:
    data = spoken(tmp_path, "m", b"one", b"two").read_bytes()
    heard = {sealed.opened(KEY, "m", data[:length]) for length in range(len(data) + 1)}
    assert heard == {b"", b"one", b"onetwo"}


@pytest.mark.parametrize("how", ["another key", "another message", "changed", "swapped", "first left out"])
def test_what_was_not_sealed_so_is_refused(tmp_path: Path, how: str) -> None:
    data = bytearray(spoken(tmp_path, "m", b"one", b"two").read_bytes())
    key, name, half = KEY, "m", len(data) // 2
    match how:
        case "another key":
            key = sealed.key_of("another")
        case "another message":
            name = "n"
        case "changed":
            data[5] ^= 1
        case "swapped":
            data = data[half:] + data[:half]
        case _:
            data = data[half:]
    with pytest.raises(sealed.Unreadable):
        sealed.opened(key, name, bytes(data))
