"""An SMTP server (RFC 5321) on a port of its own: keeps what it is given, or answers as it is told to."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage


class SmtpServer(socketserver.ThreadingTCPServer):
    """`refuse` is the answer to RCPT instead of 250, for as long as it is set."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.taken: list[EmailMessage] = []
        self.refuse = ""
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    server: SmtpServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 mail.example ESMTP")
        while line := self.rfile.readline():
            word = line.decode("latin-1").strip().upper()
            if word.startswith(("EHLO", "HELO")):
                self.say("250 mail.example")
            elif word.startswith("RCPT") and self.server.refuse:
                self.say(self.server.refuse)
            elif word == "DATA":
                self.say("354 go on")
                self.take()
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine")

    def take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.server.taken.append(message)
        self.say("250 taken")
