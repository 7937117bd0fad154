"""The boxes of a tenant as the API sees them, and a new PIN."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from pbx.calls.live.exchange import Exchange
from pbx.calls.messages import messages_of
from pbx.calls.state import PIN
from pbx.features.voicemail_pin import LOCKED, WRONG
from pbx.model import pins
from pbx.model.objects import Tenant


def listed(exchange: Exchange, tenant: Tenant) -> list[dict[str, Any]]:
    """All of them, as plain data."""
    mail, now = exchange.boxes.of(tenant.id), exchange.boxes.now()
    found = []
    for box in tenant.services.voicemails.values():
        counts = messages_of(mail, [box.id])
        own = exchange.settings.of(tenant.id, f"voicemail/{box.id}")
        values = {key: one.value for key, one in own.items()}
        found.append(
            {
                "voicemail": box.id,
                "owner": box.owner,
                "users": box.users,
                "new": counts.new,
                "saved": counts.old,
                "most": box.max_messages,
                "has_pin": box.first_pin is not None or bool(values.get(PIN)),
                "is_locked": int(values.get(LOCKED) or 0) > now,
            }
        )
    return found


async def set_pin(exchange: Exchange, tenant: Tenant, box: str, pin: str, author: str) -> None:
    """It counts from now on, and the box is open again. Raises ValueError, in words, for one that is too easy."""
    owner = tenant.users.get(tenant.services.voicemails[box].owner)
    if why := pins.weakness(pin, owner.extension if owner is not None else None):
        raise ValueError(why)
    kept = await asyncio.to_thread(pins.hashed, pin, os.urandom(16))
    for key, value in ((PIN, kept), (WRONG, 0), (LOCKED, 0)):
        exchange.settings.set(tenant.id, f"voicemail/{box}", key, value, author)
