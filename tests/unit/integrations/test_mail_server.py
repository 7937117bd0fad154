"""How e-mails are handed over: encrypted from the start, after STARTTLS or not at all; with a login or not (R12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from phones.smtp_server import SmtpServer
from unit.integrations.test_message_mail import NOW, SECRET, jobs, left

from pbx.desired.lab_ca import certificate
from pbx.server.post import Post, Server
from pbx.store import database

pytestmark = pytest.mark.row("R12")

LOGIN = ("pbx", "a password of tests")
Serve = Callable[..., SmtpServer]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A server with a certificate for these names, of a CA that is trusted."""
    made: list[SmtpServer] = []

    def start(names: tuple[str, ...] = ("127.0.0.1",), **more: Any) -> SmtpServer:
        path, key, ca = certificate(tmp_path / "ca", "mail", names)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        made.append(SmtpServer(certificate=(path, key), **more))
        return made[-1]

    yield start
    for one in made:
        one.close()


def hand_over(folder: Path, server: SmtpServer, tls: str, password: str = LOGIN[1]) -> list[Any]:
    """What is left of the job of one message."""
    db = left(folder)
    user = LOGIN[0] if server.login else ""
    to = Server("127.0.0.1", server.port, "PBX <pbx@romashka.example>", tls=tls, user=user)
    secrets = {"sound_key": SECRET, "mail_password": password}
    Post(to, partial(database.connect, folder / "store.sqlite"), secrets.get).round(NOW)
    return jobs(db)


@pytest.mark.parametrize("login", [None, LOGIN])
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_it_leaves_encrypted_and_known(tmp_path: Path, serve: Serve, tls: str, login: Any) -> None:
    server = serve(at_once=tls == "tls", login=login)
    assert hand_over(tmp_path, server, tls) == []
    assert len(server.taken) == 1
    clear = [line.split(" ")[0].upper() for line in server.said]
    assert clear == (["EHLO", "STARTTLS"] if tls == "starttls" else []), "nothing else was in clear"


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_server_that_is_somebody_else_gets_nothing(tmp_path: Path, serve: Serve, tls: str) -> None:
    server = serve(("mail.elsewhere.example",), at_once=tls == "tls", login=LOGIN)
    assert hand_over(tmp_path, server, tls) == [("waits", 1)]
    assert server.taken == [] and "AUTH" not in "".join(server.said)


def test_one_that_does_not_encrypt_gets_nothing_in_clear(tmp_path: Path) -> None:
    server = SmtpServer(login=LOGIN)
    try:
        assert hand_over(tmp_path, server, "starttls") == [("waits", 1)]
        assert server.taken == [] and not [line for line in server.said if line.startswith(("AUTH", "MAIL"))]
    finally:
        server.close()


def test_a_wrong_password_waits_to_be_mended_and_is_in_no_log(
    tmp_path: Path, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(login=LOGIN)
    assert hand_over(tmp_path, server, "starttls", password="another password") == [("waits", 1)]
    assert server.taken == [] and "waits" in caplog.text and "another password" not in caplog.text
