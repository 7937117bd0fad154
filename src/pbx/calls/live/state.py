"""What the calls of a tenant share in a live process, as each of them sees it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pbx.calls.live.channels import Channels
from pbx.calls.live.health import TrunkHealth
from pbx.calls.live.last_numbers import LastNumbers
from pbx.calls.live.mailbox import Boxes
from pbx.calls.live.own_settings import OwnSettings
from pbx.calls.state import TenantState
from pbx.model import pins
from pbx.model.objects import Tenant, Trunk, User
from pbx.model.services import Setting
from pbx.routing.limits import Outgoing
from pbx.routing.reason import Reason

log = logging.getLogger(__name__)

ALERT = 60  # level of what somebody has to act on at once, above all of logging's own


class LiveState(TenantState):
    """Of one call: the trunks as the edge that it came by reaches them."""

    def __init__(
        self,
        tenant: str,
        edge: str,
        channels: Channels,
        health: TrunkHealth,
        settings: OwnSettings,
        last: LastNumbers,
        outgoing: Outgoing,
        boxes: Boxes,
        *,
        secrets: Mapping[str, str],
    ) -> None:
        self._tenant = tenant
        self._edge = edge
        self._settings = settings
        self._last = last
        self._outgoing = outgoing
        self._channels = channels
        self._health = health
        self._secrets = secrets
        self.mail = boxes.of(tenant)

    def own(self, user: str) -> Mapping[str, Setting]:
        return self._settings.of(self._tenant, user)

    def set_own(self, user: str, key: str, value: Any, author: str) -> None:
        self._settings.set(self._tenant, user, key, value, author)

    async def last_number(self, person: User, way: str) -> str | None:
        return await self._last.number(self._tenant, person, way)

    def refused(self, tenant: Tenant, number: str, user: str | None, at: datetime) -> Reason | None:
        why = self._outgoing.refused(tenant, number, user, at)
        if why is not None:
            log.error("alarm: %s: %s: nobody may call %s now", tenant.id, why, number)
        return why

    def alert(self, what: str) -> None:
        log.log(ALERT, "alarm: %s: %s", self._tenant, what)

    def is_pin(self, secret: str, digits: str) -> bool:
        return pins.is_right(self._secrets.get(f"{pins.PREFIX}{secret}", ""), digits)

    def trunk(self, trunk: Trunk) -> str:
        if self._health.is_down(self._edge, trunk.key):
            return "down"
        return "full" if self._channels.is_full(trunk) else "free"
