"""How many messages wait for whom: the one place that says it."""

from __future__ import annotations

from collections.abc import Sequence

from pbx.calls.mailbox import NEW, Mailbox
from pbx.sip.message_summary import Messages


def messages_of(mail: Mailbox, boxes: Sequence[str]) -> Messages:
    """Those in these boxes, of one person."""
    states = [message.state for box in boxes for message in mail.messages(box)]
    new = states.count(NEW)
    return Messages(new, len(states) - new)
