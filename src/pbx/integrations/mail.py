"""A voice message as an e-mail: who called, when, how long, and, where the owner wants it so, the sound (R12)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from pbx.media import wav_file

_TEXTS: Mapping[str, tuple[str, str, str]] = {  # by language: subject, text, a hidden number
    "ru": ("Голосовое сообщение от {caller}", "{caller} оставил(а) сообщение {at}, {length}.", "скрытого номера"),
    "en": ("Voice message from {caller}", "{caller} left a message on {at}, {length}.", "a hidden number"),
}


def compose(message: Mapping[str, Any], job: Mapping[str, Any], sender: str, sound: bytes | None) -> EmailMessage:
    """`message` is a row of the store, `job` has to, language, timezone and mode (`attach` or `notify`); the id of the
    message is the Message-ID, so that one that was sent twice is known as one. Header injection: the standard library
    refuses line breaks in headers, and a caller's name has none left."""
    subject, text, hidden = _TEXTS.get(str(job["language"])[:2], _TEXTS["en"])
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
    mail.set_content(text.format(**words))
    if sound is not None and job["mode"] == "attach":
        mail.add_attachment(wav_file.of_alaw(sound), "audio", "wav", filename=f"{at:%Y-%m-%d-%H%M}.wav")
    return mail


def _one_line(text: str) -> str:
    """Control characters and all that some program takes for the end of a line (U+0085, U+2028) are spaces."""
    return "".join(character if character.isprintable() else " " for character in text)[:100]
