"""The boxes of a process: what a kill leaves, what is confirmed, what expires (behaviour R12)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pbx.calls.live import mailbox
from pbx.calls.live.mailbox import Boxes
from pbx.calls.live.own_settings import OwnSettings
from pbx.calls.mailbox import RATE, Message, NoRoom
from pbx.model import pins
from pbx.model.services import Voicemail
from pbx.server import voicemails
from pbx.server.messages import Messages
from pbx.store import database

pytestmark = pytest.mark.row("R12")

NOW = 1_796_000_000_000
SPEECH = bytes([0x2A, 0xAA]) * (RATE // 4)  # half a second


class Process:
    """One start of a process; `journal` is what it wrote."""

    def __init__(self, folder: Path, key: str | None = "a key of this test alone") -> None:
        self.folder, self.now = folder, NOW
        self.journal: list[tuple[str, dict[str, Any]]] = []
        self.boxes = Boxes(
            folder / "messages",
            folder / "heard",
            write=lambda kind, row: self.journal.append((kind, row)),
            connect=lambda: database.connect(folder / "store.sqlite"),
            key=lambda: key,
            now=lambda: self.now,
        )
        self.became = self.boxes.recover()
        self.mail = self.boxes.of("t")

    def ship(self) -> None:
        """As the drainer does."""
        db = database.connect(self.folder / "store.sqlite")
        for kind, row in self.journal:
            database.write(db, [{"kind": kind, **row}], ("segment", 1))
            if kind == "message":
                Path(row["file"]).unlink(missing_ok=True)
        db.close()

    def speak(self, halves: int) -> Any:
        draft = self.mail.draft("anna", caller="202", name="Борис", origin="c1")
        for _ in range(halves):
            draft.write(SPEECH)
        return draft

    def leave(self, halves: int = 4) -> Message:
        message = asyncio.run(self.mail.keep(self.speak(halves)))
        assert message is not None
        return message


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    yield Process(tmp_path)


def test_a_message_is_heard_from_the_spool_and_from_the_store(process: Process) -> None:
    message = process.leave()
    assert asyncio.run(process.mail.sound(message)) == SPEECH * 4
    spooled = process.folder / "messages" / f"{message.id}.message"
    assert SPEECH[:200] not in spooled.read_bytes(), "in clear"
    process.ship()
    assert not spooled.exists()
    assert asyncio.run(process.mail.sound(message)) == SPEECH * 4


@pytest.mark.parametrize(("halves", "messages"), [(0, 0), (1, 0), (2, 1), (5, 1)])
def test_what_was_said_until_a_kill_is_a_message_or_nothing(process: Process, halves: int, messages: int) -> None:
    draft = process.speak(halves)
    with draft.file.open("ab") as torn:
        torn.write(b"\x0f\xb0 half a piece")
    again = Process(process.folder)
    assert again.became == messages and len(again.mail.messages("anna")) == messages
    assert [kind for kind, _ in again.journal] == ["message"] * messages
    assert not [*(process.folder / "messages").glob("*.draft")]
    for message in again.mail.messages("anna"):
        assert asyncio.run(again.mail.sound(message)) == SPEECH * halves and message.length == halves * 500
    assert Process(process.folder).became == 0, "once"


def test_a_confirmed_message_is_told_again_by_the_next_start(process: Process) -> None:
    message = process.leave()
    again = Process(process.folder)
    assert [row["message"]["id"] for _, row in again.journal] == [message.id]
    assert again.mail.messages("anna") == [message]


@pytest.mark.parametrize("at", ["begin", "middle", "end"])
def test_a_full_disk_is_no_message_and_leaves_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    with pytest.raises(NoRoom):
        if at == "begin":
            monkeypatch.setattr(mailbox, "LEAST_FREE", 1 << 62)
        draft = process.speak(2)
        if at == "middle":
            with monkeypatch.context() as patched:
                patched.setattr(os, "write", full)
                try:
                    draft.write(SPEECH)
                finally:
                    draft.drop()
        with monkeypatch.context() as patched:
            patched.setattr(mailbox, "write_whole", full)
            try:
                asyncio.run(process.mail.keep(draft))
            finally:
                draft.drop()
    assert process.journal == [] and [*(process.folder / "messages").iterdir()] == []


def test_without_a_key_none_is_taken(tmp_path: Path) -> None:
    with pytest.raises(NoRoom):
        Process(tmp_path, key=None).speak(1)


def test_with_another_key_old_ones_are_not_heard_and_nothing_breaks(process: Process) -> None:
    message = process.leave()
    other = Process(process.folder, key="another key")
    assert asyncio.run(other.mail.sound(message)) is None


def test_messages_expire_in_boxes_that_want_it_so(process: Process) -> None:
    process.leave()
    boxes = {"anna": Voicemail("anna", "anna", keep=3600.0)}
    tenant = SimpleNamespace(id="t", services=SimpleNamespace(voicemails=boxes))
    serving = SimpleNamespace(model=SimpleNamespace(tenants={"t": tenant}))
    exchange: Any = SimpleNamespace(serving=serving, leases={})
    messages = Messages(exchange, process.boxes)
    process.now += 3_601_000
    messages.expire()
    assert len(process.mail.messages("anna")) == 1, "of a tenant that another process serves"
    exchange.leases = {"t": 1}
    messages.expire()
    assert process.mail.messages("anna") == []
    assert process.journal[-1][1]["author"] == "expiry"


def test_each_of_a_shared_box_has_an_e_mail_in_the_own_language_and_one_draft_is_made(process: Process) -> None:
    box = Voicemail("anna", "anna", email="notify", transcribe=True, shared_with=("boris", "vera"))
    users = {
        "anna": SimpleNamespace(email="anna@t.example", languages=("en-US",)),
        "boris": SimpleNamespace(email="boris@t.example", languages=()),
        "vera": SimpleNamespace(email=None, languages=()),
    }
    services = SimpleNamespace(voicemails={"anna": box, "quiet": Voicemail("quiet", "anna")})
    tenant = SimpleNamespace(services=services, users=users, languages=("ru-RU",), timezone="Europe/Moscow")
    serving = SimpleNamespace(model=SimpleNamespace(tenants={"t": tenant}))
    exchange: Any = SimpleNamespace(serving=serving)
    told = Messages(exchange, process.boxes)
    process.leave()
    row = process.journal[-1][1]
    assert [(mail["to"], mail["language"]) for mail in row["mails"]] == [
        ("anna@t.example", "en-US"),
        ("boris@t.example", "ru-RU"),
    ]
    assert row["transcribe"] == {"language": "en-US"}
    assert told.tasks_of("t", "quiet") == told.tasks_of("t", "nowhere") == told.tasks_of("gone", "anna") == {}


def test_calls_at_once_do_not_overshoot_a_box(process: Process) -> None:
    box = Voicemail("anna", "anna", max_messages=2)
    process.leave()
    with process.boxes.of("t").place(box) as first, process.boxes.of("t").place(box) as second:
        assert (first, second) == (True, False)
        with process.boxes.of("other").place(box) as theirs:
            assert theirs, "another tenant's box of the same name"
    process.leave()
    with process.boxes.of("t").place(box) as third:
        assert not third


def test_deleted_ones_are_forgotten_in_the_end(process: Process) -> None:
    message = process.leave()
    process.mail.mark(message, "deleted", "user/anna")
    process.now += 2 * 86_400_000
    process.boxes.learn([])
    assert process.boxes.all_of("t") == {}


def test_a_file_to_be_played_is_there_only_meanwhile(process: Process) -> None:
    message = process.leave()

    async def play() -> None:
        async with process.mail.audio(message) as audio:
            assert audio.recording is not None
            file = process.folder / "heard" / audio.recording
            assert file.read_bytes() == SPEECH * 4 and file.stat().st_mode & 0o777 == 0o640

    asyncio.run(play())
    assert [*(process.folder / "heard").iterdir()] == []


def test_a_new_pin_opens_a_locked_box_and_an_easy_one_is_refused(process: Process) -> None:
    settings = OwnSettings(lambda row: None, lambda: process.now)
    box, owner = Voicemail("anna", "anna"), SimpleNamespace(extension="2201")
    tenant: Any = SimpleNamespace(id="t", users={"anna": owner}, services=SimpleNamespace(voicemails={"anna": box}))
    exchange: Any = SimpleNamespace(settings=settings, boxes=process.boxes)
    settings.set("t", "voicemail/anna", "locked", NOW + 1000, "call x")
    process.leave()
    (told,) = voicemails.listed(exchange, tenant)
    assert (told["new"], told["saved"], told["has_pin"], told["is_locked"]) == (1, 0, False, True)
    for easy in ("0000", "1234", "2201"):
        with pytest.raises(ValueError, match="tried first"):
            asyncio.run(voicemails.set_pin(exchange, tenant, "anna", easy, "api x"))
    asyncio.run(voicemails.set_pin(exchange, tenant, "anna", "7391", "api x"))
    (told,) = voicemails.listed(exchange, tenant)
    assert (told["has_pin"], told["is_locked"]) == (True, False)
    assert pins.is_right(str(settings.of("t", "voicemail/anna")["pin"].value), "7391")


def test_what_a_disk_may_still_hold_of_the_draft_was_sealed_otherwise(process: Process) -> None:
    """Two texts under one key and nonce give both away, and the key of the tags (NIST SP 800-38D §8.3)."""
    draft = process.speak(4)
    torn = draft.file.read_bytes()
    message = asyncio.run(process.mail.keep(draft))
    assert message is not None
    kept = (process.folder / "messages" / f"{message.id}.message").read_bytes()
    assert torn[2:34] != kept[2:34], "the same sound at the beginning of both"
    assert asyncio.run(process.mail.sound(message)) == SPEECH * 4


@pytest.mark.parametrize("state", ["greeting", "comment"])
def test_a_greeting_or_a_comment_that_a_kill_cut_off_is_nobodys_message(process: Process, state: str) -> None:
    """Its speaker hears the menu again, and says it anew."""
    draft = process.mail.draft("anna", caller=None, name="", origin="c1", state=state)
    for _ in range(6):
        draft.write(SPEECH)
    after = Process(process.folder)
    assert after.became == 0 and after.journal == [] and after.boxes.all_of("t") == {}
    assert [*(process.folder / "messages").iterdir()] == []


@pytest.mark.parametrize("halves", [4, 60])
def test_a_message_of_any_length_is_forwarded(process: Process, halves: int) -> None:
    message, comment = process.leave(halves), process.speak(halves)
    sent = asyncio.run(process.mail.copy(message, "boris", by="user/anna", comment=comment))
    comment.drop()
    assert sent is not None and asyncio.run(process.mail.sound(sent)) == SPEECH * 2 * halves


def test_what_cannot_be_forwarded_leaves_nothing(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    message = process.leave()
    before = {one.name for one in (process.folder / "messages").iterdir()}

    def full(fd: int, data: bytes) -> int:
        return 0

    monkeypatch.setattr(mailbox.os, "write", full)
    with pytest.raises(NoRoom):
        asyncio.run(process.mail.copy(message, "boris", by="user/anna"))
    monkeypatch.undo()
    assert {one.name for one in (process.folder / "messages").iterdir()} == before
