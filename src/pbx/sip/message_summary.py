"""Waiting messages, as phones are told: `application/simple-message-summary` (RFC 3842 §5.2)."""

from __future__ import annotations

from typing import NamedTuple

CONTENT_TYPE = "application/simple-message-summary"


class Messages(NamedTuple):
    """How many voice messages there are."""

    new: int = 0
    old: int = 0


def document(account: str, messages: Messages) -> bytes:
    """`account` is the URI to call for them, empty when there is none to call."""
    lines = [f"Messages-Waiting: {'yes' if messages.new else 'no'}"]
    if account:
        lines.append(f"Message-Account: {account}")
    lines.append(f"Voice-Message: {messages.new}/{messages.old} (0/0)")
    return ("\r\n".join(lines) + "\r\n").encode()
