"""The states of a call leg."""

from __future__ import annotations

from enum import Enum


class SessionState(Enum):
    EARLY = "early"  # the INVITE has no final response yet
    ANSWERED = "answered"  # a 2xx was sent or came; its ACK is missing
    ESTABLISHED = "established"
    ENDED = "ended"
