"""An SMTP server (RFC 5321) on a port of its own: keeps what it is given, or answers as it is told to.

With a certificate it speaks TLS, from the start or after STARTTLS (RFC 3207), and with a login it takes mail from
nobody else (RFC 4954, AUTH PLAIN and LOGIN).
"""

from __future__ import annotations

import base64
import contextlib
import socketserver
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


class SmtpServer(socketserver.ThreadingTCPServer):
    """`refuse` is the answer to RCPT instead of 250, for as long as it is set; `login` is user and password;
    `said` are the words that came in clear."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self,
        port: int = 0,
        *,
        certificate: tuple[Path, Path] | None = None,
        at_once: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.taken: list[EmailMessage] = []
        self.said: list[str] = []
        self.refuse = ""
        self.login, self.at_once = login, at_once
        self.tls: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    server: SmtpServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def word(self) -> str:
        return self.rfile.readline().decode("latin-1").strip()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # who finds another certificate than wanted goes away
            if self.server.at_once:
                self.encrypt()
            self.say("220 mail.example ESMTP")
            while (line := self.word()) and self.answer(line):
                continue
        if self.is_encrypted:
            self.rfile.close()
            self.wfile.close()
            self.request.close()

    def encrypt(self) -> None:
        assert self.server.tls is not None
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

    @property
    def is_encrypted(self) -> bool:
        return isinstance(self.request, ssl.SSLSocket)

    def answer(self, line: str) -> bool:
        """Does it go on?"""
        word, server = line.upper(), self.server
        if not self.is_encrypted:
            server.said.append(line)
        if word.startswith(("EHLO", "HELO")):
            self.is_known = server.login is None
            starts = server.tls is not None and not self.is_encrypted
            offers = [*(["STARTTLS"] if starts else []), *([] if self.is_known else ["AUTH PLAIN LOGIN"])]
            lines = ["mail.example", *offers]
            for at, offer in enumerate(lines):
                self.say(f"250{'-' if at < len(lines) - 1 else ' '}{offer}")
        elif word == "STARTTLS" and server.tls is not None:
            self.say("220 go on")
            self.encrypt()
        elif word.startswith("AUTH "):
            self.authenticate(line)
        elif word.startswith(("MAIL", "RCPT")) and not self.is_known:
            self.say("530 who are you")
        elif word.startswith("RCPT") and server.refuse:
            self.say(server.refuse)
        elif word == "DATA":
            self.say("354 go on")
            self.take()
        elif word == "QUIT":
            self.say("221 bye")
            return False
        else:
            self.say("250 fine")
        return True

    def authenticate(self, line: str) -> None:
        _, how, first = line.split(" ", 2)
        if how.upper() == "PLAIN":
            _, user, password = base64.b64decode(first).decode().split("\0")
        else:
            user = base64.b64decode(first).decode()
            self.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(self.word()).decode()
        self.is_known = (user, password) == self.server.login
        self.say("235 welcome" if self.is_known else "535 no")

    def take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.server.taken.append(message)
        self.say("250 taken")
