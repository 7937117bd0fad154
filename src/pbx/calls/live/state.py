"""What the calls of a tenant share in a live process, as each of them sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbx.calls.live.channels import Channels
from pbx.calls.live.health import TrunkHealth
from pbx.calls.live.own_settings import OwnSettings
from pbx.calls.state import TenantState
from pbx.model.objects import Trunk
from pbx.model.services import Setting


class LiveState(TenantState):
    """Of one call: the trunks as the edge that it came by reaches them."""

    def __init__(self, tenant: str, edge: str, channels: Channels, health: TrunkHealth, settings: OwnSettings) -> None:
        self._tenant = tenant
        self._edge = edge
        self._settings = settings
        self._channels = channels
        self._health = health

    def own(self, user: str) -> Mapping[str, Setting]:
        return self._settings.of(self._tenant, user)

    def set_own(self, user: str, key: str, value: Any, author: str) -> None:
        self._settings.set(self._tenant, user, key, value, author)

    def trunk(self, trunk: Trunk) -> str:
        if self._health.is_down(self._edge, trunk.key):
            return "down"
        return "full" if self._channels.is_full(trunk) else "free"
