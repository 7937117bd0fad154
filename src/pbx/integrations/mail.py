"""A voice message as an e-mail: who called, when, how long, and, where the owner wants it so, the sound (R12)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from pbx.media import wav_file

_DRAFTS = {
    "ru": "Черновик, сделан машиной, могут быть ошибки:",
    "en": "Draft, made by a machine, with mistakes perhaps:",
}
_TEXTS: Mapping[str, tuple[str, str, str]] = {  # by language: subject, text, a hidden number
    "ru": ("Голосовое сообщение от {caller}", "{caller} оставил(а) сообщение {at}, {length}.", "скрытого номера"),
    "en": ("Voice message from {caller}", "{caller} left a message on {at}, {length}.", "a hidden number"),
}


def compose(
    message: Mapping[str, Any], job: Mapping[str, Any], sender: str, sound: bytes | None, draft: str = ""
) -> EmailMessage:
    """`message` is a row of the store, `job` has to, language, timezone and mode (`attach` or `notify`); `draft` is
    what a program took it for, and is marked as such. The id of the message is the Message-ID, so that one that was
    sent twice is known as one. Header injection: the standard library refuses line breaks in headers, and a caller's
    name has none left."""
    language = str(job["language"])[:2]
    subject, text, hidden = _TEXTS.get(language, _TEXTS["en"])
    number = message["caller"] or hidden
    caller = f"{message['name']} ({number})" if message["name"] else number
    at = datetime.fromtimestamp(message["born"] / 1000, ZoneInfo(job["timezone"]))
    seconds = round(message["length"] / 1000)
    words = {"caller": _one_line(caller), "at": f"{at:%Y-%m-%d %H:%M}", "length": f"{seconds // 60}:{seconds % 60:02}"}
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = Address(addr_spec=job["to"])
    mail["Subject"] = subject.format(**words)
    mail["Date"] = at
    mail["Message-ID"] = f"<{message['id']}@{sender.rpartition('@')[2].rstrip('>')}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    said = text.format(**words)
    mail.set_content(f"{said}\n\n{_DRAFTS.get(language, _DRAFTS['en'])}\n{draft}" if draft else said)
    if sound is not None and job["mode"] == "attach":
        mail.add_attachment(wav_file.of_alaw(sound), "audio", "wav", filename=f"{at:%Y-%m-%d-%H%M}.wav")
    return mail


def _one_line(text: str) -> str:
    """Control characters and all that some program takes for the end of a line (U+0085, U+2028) are spaces."""
    return "".join(character if character.isprintable() else " " for character in text)[:100]
