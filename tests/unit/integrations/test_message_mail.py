"""A message goes out by e-mail, once, however long the server for it is away (behaviour R12)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from phones.smtp_server import SmtpServer

from pbx.integrations.mail import compose
from pbx.server.post import Post, Server
from pbx.speech import wav
from pbx.store import database, outbox, sealed

pytestmark = pytest.mark.row("R12")

SECRET = "a secret of this test alone"
SOUND = bytes([0x2A, 0xAA]) * 8000
NOW = 1_796_000_000_000
JOB = {"to": "ivanov@romashka.example", "mode": "attach", "language": "ru-RU", "timezone": "Europe/Moscow"}


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    made = SmtpServer()
    yield made
    made.close()


def left(folder: Path, name: str = "m1", **job: str) -> database.Database:
    """A store into which a message came with the journal."""
    seal = sealed.Seal(sealed.key_of(SECRET), name)
    file = folder / f"{name}.message"
    file.write_bytes(seal.piece(SOUND))
    row = {
        "id": name, "tenant": "romashka", "box": "ivanov", "caller": "+79161234567", "name": "Иван\r\nBcc: x@y.example",
        "origin": "c1", "born": NOW, "length": 2000, "state": "new", "author": "c1", "changed": NOW, "sealed_with": "k",
    }  # fmt: skip
    db = database.connect(folder / "store.sqlite")
    record = {"kind": "message", "message": row, "file": str(file), "mail": {**JOB, **job}}
    database.write(db, [record], (f"segment of {name}", 1))
    database.write(db, [record], (f"segment of {name}", 2))  # told again after a kill
    return db


def post(folder: Path, server: SmtpServer) -> Post:
    to = Server("127.0.0.1", server.port, "PBX <pbx@romashka.example>", tls="none")
    return Post(to, partial(database.connect, folder / "store.sqlite"), lambda name: SECRET)


def jobs(db: database.Database) -> list[Any]:
    return list(db.execute("SELECT state, tries FROM job").fetchall())


def test_the_message_is_attached_and_leaves_once(tmp_path: Path, server: SmtpServer) -> None:
    db = left(tmp_path)
    sender = post(tmp_path, server)
    for _ in range(3):
        sender.round(NOW)
    (mail,) = server.taken
    assert mail["To"] == "ivanov@romashka.example" and mail["Message-ID"] == "<m1@romashka.example>"
    assert mail["Subject"] == "Голосовое сообщение от Иван  Bcc: x@y.example (+79161234567)"
    assert mail["Bcc"] is None
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "audio/wav" and wav.read(attached.get_content()).raw == SOUND
    body = mail.get_body()
    assert body is not None and "0:02" in body.get_content()
    assert jobs(db) == []


def test_word_alone_where_the_sound_is_not_to_leave(tmp_path: Path, server: SmtpServer) -> None:
    left(tmp_path, mode="notify", language="en-US")
    post(tmp_path, server).round(NOW)
    assert [*server.taken[0].iter_attachments()] == []
    assert server.taken[0]["Subject"].startswith("Voice message from")


def test_a_server_that_is_away_gets_it_later(tmp_path: Path, server: SmtpServer) -> None:
    db = left(tmp_path)
    sender = post(tmp_path, server)
    server.close()
    now = NOW
    for tries in range(1, 6):
        sender.round(now)
        assert jobs(db) == [("waits", tries)]
        sender.round(now)
        assert jobs(db) == [("waits", tries)], "not at once again"
        now += outbox.MOST_WAIT
    again = SmtpServer(server.port)
    try:
        sender.round(now)
        assert len(again.taken) == 1 and jobs(db) == []
    finally:
        again.close()


@pytest.mark.parametrize(("answer", "state"), [("550 nobody of that name", "dead"), ("450 later", "waits")])
def test_what_is_refused_for_good_is_given_up_and_what_is_not_waits(
    tmp_path: Path, server: SmtpServer, answer: str, state: str
) -> None:
    db = left(tmp_path)
    server.refuse = answer
    post(tmp_path, server).round(NOW)
    assert jobs(db) == [(state, 1)]


def test_after_a_day_it_is_given_up(tmp_path: Path, server: SmtpServer) -> None:
    db = left(tmp_path)
    server.refuse = "450 later"
    sender = post(tmp_path, server)
    sender.round(NOW)
    sender.round(NOW + outbox.GIVE_UP + 1)
    assert jobs(db) == [("dead", 2)]


def test_two_who_send_do_not_send_the_same(tmp_path: Path, server: SmtpServer) -> None:
    db = left(tmp_path)
    other = database.connect(tmp_path / "store.sqlite")
    assert len(outbox.take(db, "mail", NOW)) == 1
    assert outbox.take(other, "mail", NOW) == []
    assert len(outbox.take(other, "mail", NOW + outbox.LEASE)) == 1, "who took it has died"


def test_a_message_that_was_deleted_meanwhile_is_not_sent(tmp_path: Path, server: SmtpServer) -> None:
    db = left(tmp_path)
    word = {"kind": "message_is", "id": "m1", "state": "deleted", "author": "user/ivanov", "changed": NOW + 5}
    database.write(db, [word], ("segment", 3))
    post(tmp_path, server).round(NOW + 10)
    assert server.taken == [] and jobs(db) == []


@pytest.mark.parametrize("to", ["иванов@romashka.example", "a b@romashka.example"])
def test_one_that_cannot_be_written_holds_up_no_other(tmp_path: Path, server: SmtpServer, to: str) -> None:
    left(tmp_path, "bad", to=to)
    db = left(tmp_path, "good")
    post(tmp_path, server).round(NOW)
    assert [mail["Message-ID"] for mail in server.taken] == ["<good@romashka.example>"]
    assert jobs(db) == [("waits", 1)]


def test_a_name_ends_no_line_of_a_header() -> None:
    row = {"id": "m1", "caller": None, "name": "a\u2028b\x85c\u2029d\x7fe", "born": NOW, "length": 1000}
    assert compose(row, JOB, "pbx@romashka.example", None)["Subject"] == (
        "Голосовое сообщение от a b c d e (скрытого номера)"
    )
