"""What a call process does about messages beside its calls: it knows those of the store before phones are told of
lamps, says who gets an e-mail, and lets messages expire in the boxes that want it so."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from pbx.calls.live.exchange import Exchange
from pbx.calls.live.mailbox import Boxes
from pbx.calls.mailbox import DELETED
from pbx.store.database import FAILURES

log = logging.getLogger("pbx-calls")

KNOWN_WITHIN = 3.0  # seconds that the store has to tell what messages there are
EXPIRY_EACH = 60.0  # seconds
AUTHOR = "expiry"


class Messages:
    """The boxes of a process and the model that it serves."""

    def __init__(self, exchange: Exchange, boxes: Boxes) -> None:
        self._exchange, self._boxes = exchange, boxes
        boxes.tasks_of = self.tasks_of

    async def know(self) -> None:
        """A store that is away tells later."""

        def read() -> list[dict[str, Any]]:
            db = self._boxes.connect()
            try:
                return self._boxes.read(db)
            finally:
                db.close()

        try:
            async with asyncio.timeout(KNOWN_WITHIN):
                self._boxes.learn(await asyncio.to_thread(read))
        except (TimeoutError, *FAILURES) as error:
            log.error("the messages in the store are not known yet: %r", error)

    def tasks_of(self, tenant_id: str, name: str) -> dict[str, Any]:
        """What is to be done about a new message in a box: e-mails, a draft of what was said."""
        tenant = self._exchange.serving.model.tenants.get(tenant_id)
        box = tenant.services.voicemails.get(name) if tenant is not None else None
        if tenant is None or box is None:
            return {}
        tasks: dict[str, Any] = {}
        if mails := self.mails_of(tenant_id, name):
            tasks["mails"] = mails
        if box.transcribe:
            owner = tenant.users.get(box.owner)
            tasks["transcribe"] = {"language": ((owner.languages if owner else ()) or tenant.languages)[0]}
        return tasks

    def mails_of(self, tenant_id: str, name: str) -> list[dict[str, Any]]:
        """What is to be mailed of a new message in a box: to each of its people, in their language."""
        tenant = self._exchange.serving.model.tenants.get(tenant_id)
        box = tenant.services.voicemails.get(name) if tenant is not None else None
        if tenant is None or box is None or box.email == "none":
            return []
        people = [tenant.users[name] for name in box.users if name in tenant.users]
        return [
            {
                **{"to": person.email, "mode": box.email, "timezone": tenant.timezone},
                "language": (person.languages or tenant.languages)[0],
            }
            for person in people
            if person.email
        ]

    def expire(self) -> None:
        """Messages that are older than their box keeps them, of the tenants that this process serves."""
        for tenant in self._exchange.serving.model.tenants.values():
            if tenant.id not in self._exchange.leases:
                continue
            mail = self._boxes.of(tenant.id)
            for box in tenant.services.voicemails.values():
                if box.keep is None:
                    continue
                before = self._boxes.now() - box.keep * 1000
                for message in [one for one in mail.messages(box.id) if one.left < before]:
                    mail.mark(message, DELETED, AUTHOR)

    async def keep_expiring(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EXPIRY_EACH)
            self.expire()
