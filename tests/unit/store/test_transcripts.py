"""Messages are written down by a program of the site: a sealed draft, and an e-mail that waits for it a while (R12)."""

from __future__ import annotations

import sys
import wave
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from phones.smtp_server import SmtpServer
from unit.integrations.test_message_mail import JOB, NOW, SECRET, SOUND
from unit.integrations.test_message_mail import post as poster

from pbx.server.transcripts import Recogniser, Transcripts, pcm_file
from pbx.store import database, messages, outbox, sealed

pytestmark = pytest.mark.row("R12")

COUNTS = """
import json, sys, wave
with wave.open(sys.stdin.buffer) as said:
    print(json.dumps({"text": f"{sys.argv[1]}, {said.getnframes()} отсчётов"}))
"""


def left(folder: Path, name: str = "m1") -> database.Database:
    seal = sealed.Seal(sealed.key_of(SECRET), name)
    file = folder / f"{name}.message"
    file.write_bytes(seal.piece(SOUND))
    row = {
        "id": name, "tenant": "romashka", "box": "ivanov", "caller": "+79161234567", "name": "Иван", "origin": "c1",
        "born": NOW, "length": 2000, "state": "new", "author": "c1", "changed": NOW, "sealed_with": "k",
    }  # fmt: skip
    db = database.connect(folder / "store.sqlite")
    tasks = {"mails": [JOB, {**JOB, "to": "petrova@romashka.example"}], "transcribe": {"language": "ru-RU"}}
    record = {"kind": "message", "message": row, "file": str(file), **tasks}
    for segment in (1, 2):  # told again after a kill
        database.write(db, [record], (f"segment {segment}", 1))
    return db


def scribe(folder: Path, program: str = COUNTS, secret: str | None = SECRET) -> Transcripts:
    recogniser = Recogniser((sys.executable, "-c", program, "{language}"), within=20.0)
    return Transcripts(recogniser, partial(database.connect, folder / "store.sqlite"), lambda name: secret)


@pytest.fixture
def server() -> Any:
    made = SmtpServer()
    yield made
    made.close()


def test_a_message_is_written_down_sealed_and_the_mails_leave_with_the_draft(
    tmp_path: Path, server: SmtpServer
) -> None:
    db = left(tmp_path)
    mail = poster(tmp_path, server)
    mail.round(NOW)
    assert server.taken == [], "they wait for it"
    assert scribe(tmp_path).round(NOW) == 1
    text = messages.text_of(db, "m1")
    assert text is not None and "отсчётов".encode() not in text, "in clear"
    assert messages.opened_text(sealed.key_of(SECRET), "m1", text) == f"ru-RU, {len(SOUND)} отсчётов"
    mail.round(NOW)
    assert [one["To"] for one in server.taken] == ["ivanov@romashka.example", "petrova@romashka.example"]
    for one in server.taken:
        body = one.get_body(("plain",))
        assert body is not None
        assert f"Черновик, сделан машиной, могут быть ошибки:\nru-RU, {len(SOUND)} отсчётов" in body.get_content()
    assert db.execute("SELECT id FROM job").fetchall() == []
    assert scribe(tmp_path).round(NOW) == 0


def test_a_program_that_fails_costs_the_mail_nothing_but_the_draft(tmp_path: Path, server: SmtpServer) -> None:
    db, now = left(tmp_path), NOW
    for _ in range(3):
        assert scribe(tmp_path, "raise SystemExit(1)").round(now) == 1
        now += outbox.MOST_WAIT
    assert scribe(tmp_path).round(now) == 0, "given up"
    assert db.execute("SELECT state, error FROM job WHERE kind = 'transcribe'").fetchall() == [("dead", "ended with 1")]
    poster(tmp_path, server).round(now)
    assert len(server.taken) == 2 and "Черновик" not in str(server.taken[0].get_body(("plain",)))


def test_the_mail_leaves_after_three_minutes_without_any_program(tmp_path: Path, server: SmtpServer) -> None:
    left(tmp_path)
    poster(tmp_path, server).round(NOW + messages.DRAFT_WITHIN)
    assert len(server.taken) == 2


def test_what_was_deleted_is_not_written_down_and_a_draft_goes_with_its_message(tmp_path: Path) -> None:
    db = left(tmp_path)
    scribe(tmp_path).round(NOW)
    left(tmp_path, "m2")
    for name in ("m1", "m2"):
        word = {"kind": "message_is", "id": name, "state": "deleted", "author": "user/ivanov", "changed": NOW + 5}
        database.write(db, [word], (f"segment {name}", 3))
    scribe(tmp_path).round(NOW)
    assert messages.text_of(db, "m2") is None and messages.text_of(db, "m1") is not None
    messages.sweep(db, NOW + messages.KEPT_DELETED + 60_000)
    assert messages.text_of(db, "m1") is None


def test_without_the_key_it_waits(tmp_path: Path) -> None:
    db = left(tmp_path)
    scribe(tmp_path, secret=None).round(NOW)
    assert db.execute("SELECT state FROM job WHERE kind = 'transcribe'").fetchall() == [("waits",)]


def test_recognisers_get_16_bit() -> None:
    with wave.open(BytesIO(pcm_file(SOUND))) as said:
        assert (said.getnchannels(), said.getsampwidth(), said.getframerate()) == (1, 2, 8000)
        assert said.getnframes() == len(SOUND)
