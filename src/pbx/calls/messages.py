"""How many messages wait for whom: the one place that says it."""

from __future__ import annotations

from pbx.model.objects import Tenant
from pbx.sip.message_summary import Messages


def messages_of(tenant: Tenant, user: str) -> Messages:
    """Those in the boxes of a user. Voicemail is not served live yet: none."""
    return Messages()
