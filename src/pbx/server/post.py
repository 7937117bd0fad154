"""E-mails out of the outbox, in a thread of pbx-journal: a server that is away costs no message and no record."""

from __future__ import annotations

import logging
import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from typing import Any

from pbx.integrations.mail import compose
from pbx.store import messages, outbox, sealed
from pbx.store.database import FAILURES, Database

log = logging.getLogger("pbx-journal")

ROUND = 1.0  # seconds
WITHIN = 20.0  # seconds for each step of a dialogue
MAIL = "mail"  # the kind of its jobs
PASSWORD = "mail_password"  # its name among the secrets


class Unwritable(Exception):
    """No e-mail can be made of it: an address that is none. The sender's may be mended, so it is tried again."""


@dataclass(frozen=True, slots=True)
class Server:
    """`tls` is `starttls`, `tls` or `none`. `user` logs in with the secret `mail_password`."""

    host: str
    port: int
    sender: str
    tls: str = "starttls"
    user: str = ""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Server:
        """Raises KeyError, ValueError."""
        tls = plain.get("tls", "starttls")
        return cls(plain["host"], int(plain.get("port", 587)), plain["from"], tls, plain.get("user", ""))


class Post:
    """Sends what is due. `secret` gives secrets of the process by name."""

    def __init__(self, server: Server, connect: Callable[[], Database], secret: Callable[[str], str | None]) -> None:
        self._server, self._connect, self._secret = server, connect, secret
        self._db: Database | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="post", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stop.wait(ROUND):
            try:
                self.round(int(time.time() * 1000))
            except FAILURES as error:
                log.error("no e-mail leaves now: %s", error)
                self._db = None
            except Exception:
                log.exception("e-mail")

    def round(self, now: int) -> None:
        """Send what is due. Raises one of FAILURES when the store does not work."""
        if self._db is None:
            self._db = self._connect()
        for job in outbox.take(self._db, MAIL, now):
            self._send(self._db, job, now)

    def _send(self, db: Database, job: dict[str, Any], now: int) -> None:
        found = messages.one(db, job["body"]["message"])
        if found is None or found["state"] == "deleted":
            outbox.done(db, job["id"])
            return
        try:
            self._hand_over(self._written(db, found, job["body"]))
        except (OSError, ValueError, smtplib.SMTPException, sealed.Unreadable, Unwritable) as error:
            if outbox.failed(db, job, repr(error), now, for_good=_is_final(error)):
                log.error("alarm: the e-mail of message %s is given up: %r", found["id"], error)
            else:
                log.warning("the e-mail of message %s waits: %r", found["id"], error)
            return
        outbox.done(db, job["id"])

    def _written(self, db: Database, message: Mapping[str, Any], job: Mapping[str, Any]) -> EmailMessage:
        """Raises Unwritable, for this one alone: it must not hold up those of others."""
        sound, draft = self._sound(db, message, job), self._draft(db, message)
        try:
            return compose(message, job, self._server.sender, sound, draft)
        except (ValueError, LookupError, MessageError) as error:
            raise Unwritable(repr(error)) from error

    def _sound(self, db: Database, message: Mapping[str, Any], job: Mapping[str, Any]) -> bytes | None:
        key, sound = self._secret("sound_key"), messages.sound_of(db, message["id"])
        if job["mode"] != "attach" or sound is None or not key:
            return None
        return sealed.opened(sealed.key_of(key), message["id"], sound)

    def _draft(self, db: Database, message: Mapping[str, Any]) -> str:
        key, text = self._secret("sound_key"), messages.text_of(db, message["id"])
        return messages.opened_text(sealed.key_of(key), message["id"], text) if text is not None and key else ""

    def _hand_over(self, mail: EmailMessage) -> None:
        server = self._server
        context = ssl.create_default_context()
        opened = (
            smtplib.SMTP_SSL(server.host, server.port, timeout=WITHIN, context=context)
            if server.tls == "tls"
            else smtplib.SMTP(server.host, server.port, timeout=WITHIN)
        )
        with opened as session:
            if server.tls == "starttls":
                session.starttls(context=context)
            if server.user:
                session.login(server.user, self._secret(PASSWORD) or "")
            session.send_message(mail)


def _is_final(error: Exception) -> bool:
    """5xx: the same again would be refused again (RFC 5321 §4.2.1). A wrong password may be mended."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return False
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
