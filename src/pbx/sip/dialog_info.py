"""Who talks, as watchers are told: `application/dialog-info+xml` (RFC 4235 §4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

CONTENT_TYPE = "application/dialog-info+xml"


@dataclass(frozen=True, slots=True)
class WatchedDialog:
    """One dialog of whom is watched. `remote` is the URI of the other side, empty where nobody may know it."""

    id: str
    state: str  # trying | early | confirmed | terminated
    direction: str  # initiator | recipient
    remote: str = ""


def document(entity: str, version: int, dialogs: Iterable[WatchedDialog]) -> bytes:
    """The full state of `entity` (a URI): the dialogs that it has, none when it is idle."""
    head = f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="full"'
    body = "".join([_dialog(dialog) for dialog in dialogs])
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{head} entity={quoteattr(entity)}>\n{body}</dialog-info>\n'
    return text.encode()


def _dialog(dialog: WatchedDialog) -> str:
    remote = ""
    if dialog.remote:
        uri = quoteattr(dialog.remote)
        remote = f"<remote><identity>{uri[1:-1]}</identity><target uri={uri}/></remote>"
    attributes = f'id={quoteattr(dialog.id)} direction="{dialog.direction}"'
    return f"<dialog {attributes}><state>{dialog.state}</state>{remote}</dialog>\n"
