"""Boxes as a file: whole or not at all, into another store, twice as once; what is broken is refused (R12, R32)."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pbx.server import boxes
from pbx.store import box_archive, database, messages, outbox, sealed, settings
from pbx.store.box_archive import BadArchive, Counted

pytestmark = [pytest.mark.row("R12"), pytest.mark.row("R32")]

SECRET = "a secret of this test alone"
KEY = sealed.key_of(SECRET)
NOW = 1_796_000_000_000
BOXES = ("ivanov", "office")


def fill(db: database.Database) -> None:
    """Messages in three boxes of two tenants, a greeting, a draft, settings."""
    for name, tenant, box, state in (
        ("m1", "romashka", "ivanov", "new"),
        ("m2", "romashka", "office", "saved"),
        ("g1", "romashka", "ivanov", "greeting"),
        ("d1", "romashka", "ivanov", "deleted"),
        ("x1", "romashka", "petrova", "new"),
        ("o1", "other", "ivanov", "new"),
    ):
        row = {
            "id": name, "tenant": tenant, "box": box, "caller": "+79161234567", "name": "Иван", "origin": "c1",
            "born": NOW, "length": 2000, "state": state, "author": "c1", "changed": NOW,
            "sealed_with": sealed.name_of(KEY),
        }  # fmt: skip
        seal = sealed.Seal(KEY, name)
        messages.put(db, row, seal.piece(name.encode() * 500) + seal.piece(b"\xd5" * 3000))
    messages.write_text(db, "m1", messages.sealed_text(KEY, "m1", "Добрый день"))
    for tenant, user in (("romashka", "voicemail/ivanov"), ("romashka", "ivanov"), ("other", "voicemail/ivanov")):
        word = {"tenant": tenant, "user": user, "key": "pin", "value": f"hash of {user}", "author": "c", "changed": 5}
        settings.say(db, word)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[database.Database]:
    db = database.connect(tmp_path / "old.sqlite")
    fill(db)
    yield db
    db.close()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[database.Database]:
    db = database.connect(tmp_path / "new.sqlite")
    yield db
    db.close()


@pytest.fixture
def file(tmp_path: Path, old: database.Database) -> Path:
    assert box_archive.export(old, "romashka", BOXES, tmp_path / "boxes.tar") == Counted(3, 1)
    return tmp_path / "boxes.tar"


def load(db: database.Database, file: Path, key: bytes = KEY) -> Counted:
    return box_archive.load(db, file, key, lambda tenant, box: box in BOXES, NOW + 9)


def rows(db: database.Database) -> dict[str, tuple[str, int]]:
    return {row["id"]: (row["state"], row["changed"]) for row in messages.since(db)}


def test_boxes_come_into_another_store_and_twice_is_once(file: Path, new: database.Database) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"m1m1m1" not in file.read_bytes() and "Добрый".encode() not in file.read_bytes(), "in clear"
    for counted in (Counted(3, 1), Counted(0, 0)):
        assert load(new, file) == counted
        assert rows(new) == {"m1": ("new", NOW + 9), "m2": ("saved", NOW + 9), "g1": ("greeting", NOW + 9)}
        sound, text = messages.sound_of(new, "m1"), messages.text_of(new, "m1")
        assert sound is not None and sealed.opened(KEY, "m1", sound) == b"m1" * 500 + b"\xd5" * 3000
        assert text is not None and messages.opened_text(KEY, "m1", text) == "Добрый день"
        (word,) = settings.said(new)
        assert (word["user"], word["value"], word["changed"]) == (
            "voicemail/ivanov",
            "hash of voicemail/ivanov",
            NOW + 9,
        )


def test_what_is_there_stays_as_it_is(file: Path, old: database.Database) -> None:
    messages.is_now(old, {"id": "m1", "state": "deleted", "author": "user/ivanov", "changed": NOW + 2})
    assert load(old, file) == Counted(0, 0)
    assert rows(old)["m1"] == ("deleted", NOW + 2)


def test_one_that_was_cut_off_anywhere_is_refused_before_anything_is_written(
    file: Path, new: database.Database
) -> None:
    whole = file.read_bytes()
    end = whole.rindex(b"manifest.json")  # what is behind the manifest's own file is the tar's padding
    for length in (0, 1, 511, 512, *range(700, end, 701), end):
        file.write_bytes(whole[:length])
        with pytest.raises(BadArchive):
            load(new, file)
    assert rows(new) == {} and settings.said(new) == []


def test_one_with_any_other_byte_is_refused_before_anything_is_written(file: Path, new: database.Database) -> None:
    """But for the bytes of a tar that say nothing."""
    whole = file.read_bytes()
    with tarfile.open(file) as tar:
        spans = [(entry.offset_data, entry.size) for entry in tar]
    for begin, size in spans:
        for at in {begin, begin + size // 2, begin + size - 1}:
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
            with pytest.raises(BadArchive):
                load(new, file)
    assert rows(new) == {} and settings.said(new) == []


def changed(file: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """The same archive with other files, and the manifest as it was unless it is changed too."""
    with tarfile.open(file) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    change(files)
    with tarfile.open(file, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def manifest(**more: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps({**json.loads(files["manifest.json"]), **more}).encode()

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (manifest(format="pbx-boxes/2"), "is of the format 'pbx-boxes/2', and this release reads pbx-boxes/1"),
        (manifest(boxes=["ivanov"]), "messages/m2.json is of no box of this archive"),
        (manifest(tenant="other"), "is of no box of this archive"),
        (manifest(files={}), "is not what the manifest says"),
        (manifest(files=7), "a manifest that says not what is in it"),
        (lambda files: files.pop("messages/m1.sound"), "stands before|is not what the manifest says"),
        (lambda files: files.update({"../../etc/passwd": b"x"}), "behind the manifest"),
        (lambda files: files.pop("manifest.json"), "has no manifest: it was cut off"),
    ],
)
def test_one_that_does_not_agree_with_itself_is_refused(
    file: Path, new: database.Database, change: Callable[[dict[str, bytes]], object], why: str
) -> None:
    changed(file, change)
    with pytest.raises(BadArchive, match=why):
        load(new, file)
    assert rows(new) == {} and settings.said(new) == []


def test_another_key_and_a_box_that_is_not_there_are_told(file: Path, new: database.Database) -> None:
    with pytest.raises(
        BadArchive, match=r"is sealed with the key [0-9a-f]{8}, and this host has [0-9a-f]{8}; sound_key"
    ):
        load(new, file, sealed.key_of("another one"))
    with pytest.raises(BadArchive, match="there is no voicemails/office here; apply a model that has it first"):
        box_archive.load(new, file, KEY, lambda tenant, box: box == "ivanov", NOW)
    assert rows(new) == {}


def test_a_disk_that_is_full_leaves_the_file_of_before(
    file: Path, old: database.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        box_archive.export(old, "romashka", BOXES, file)
    assert file.read_bytes() == before and not file.with_name("boxes.tar.new").exists()


def test_the_command(tmp_path: Path, old: database.Database, capsys: pytest.CaptureFixture[str]) -> None:
    config = {
        "name": "calls1", "instance": 1, "listen": "127.0.0.1", "port": 5080, "edges": [], "relays": [],
        "media": {"socket": "x"}, "control": "/x", "journal": "/x", "store": str(tmp_path / "old.sqlite"),
        "document": str(tmp_path / "document.json"), "secrets": str(tmp_path / "secrets.json"),
    }  # fmt: skip
    (tmp_path / "calls.json").write_text(json.dumps(config))
    (tmp_path / "secrets.json").write_text(json.dumps({"sound_key": SECRET}))
    tenants = {"romashka": {"plain": {"voicemails": {"ivanov": {}, "office": {}}}}}
    (tmp_path / "document.json").write_text(json.dumps({"tenants": tenants}))
    words, file = ["--config", str(tmp_path / "calls.json")], str(tmp_path / "out.tar")
    assert boxes.main([*words, "export", "--tenant", "romashka", file]) == 0
    assert capsys.readouterr().out == f"{file}: 3 messages and 1 settings written\n"
    assert boxes.main([*words, "import", file]) == 0
    assert capsys.readouterr().out == f"{file}: 0 messages and 0 settings new here\n"
    assert boxes.main([*words, "export", "--tenant", "romashka", "--box", "x", file]) == 1
    assert "tenant romashka has no such box; it has ivanov, office; nothing was written" in capsys.readouterr().err
    Path(file).write_bytes(b"rubbish")
    assert boxes.main([*words, "import", file]) == 1
    assert "is no archive of boxes" in capsys.readouterr().err
    outbox.put(old, "mail/m1", "mail", {"to": "a@b.example", "message": "m1"}, NOW)
    assert outbox.failed(old, {"id": "mail/m1", "tries": 1, "born": NOW}, "550 no such user", NOW, for_good=True)
    assert boxes.main([*words, "mails", "--again"]) == 0
    assert capsys.readouterr().out == "message m1 to a@b.example: 550 no such user\n1 are tried anew\n"
    assert boxes.main([*words, "mails"]) == 0 and capsys.readouterr().out == ""
